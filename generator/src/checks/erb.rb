require "erb"
require "json"
keywords = ERB.instance_method(:initialize).parameters.include?([:key, :trim_mode])
report = ARGV.map do |name|
  begin
    text = File.binread(name).force_encoding("UTF-8")
    next "#{name}:0: not UTF-8" unless text.valid_encoding?
    template = keywords ? ERB.new(text, trim_mode: "-") : ERB.new(text, 0, "-")
    # Its first line is a comment of ERB's own.
    RubyVM::InstructionSequence.compile(template.src, name, name, 0)
    nil
  rescue SyntaxError, ArgumentError => e
    e.message.dup.force_encoding("UTF-8").scrub
  end
end
puts JSON.generate(report)
