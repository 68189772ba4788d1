# usage: ruby one_by_one.rb CONFIG ENVIRONMENT...
# What /usr/bin/r10k does, for one environment after the other, each in a process of its own: without loading r10k
# again for each. Prints a line of JSON for each: the exit status, and what was printed.
require 'json'
require 'r10k/cli'

config, *environments = ARGV
environments.each do |environment|
  reader, writer = IO.pipe
  child = fork do
    [$stdout, $stderr].each { |stream| stream.reopen(writer) }
    R10K::CLI.command.run(['deploy', 'environment', '--modules', '--config', config, environment])
  end
  writer.close
  output = reader.read
  Process.wait(child)
  puts JSON.generate(status: $?.exitstatus, output: output)
end
