# Prints what Puppet's own reader of version ranges makes of many ranges, valid ones and others: `ruby vectors.rb`.
# First a line with versions, then a line for each range: the range as JSON, a tab, and for each version 1 or 0; or
# `invalid`. Ranges at which the reader itself fails (`NoMethodError`, `NameError`) are left out.
require 'json'
require 'semantic_puppet'

VERSIONS = %w[0.0.0 0.0.1 0.1.0 0.2.3 0.2.4 0.3.0 1.0.0 1.0.1 1.2.0 1.2.2 1.2.3 1.2.4 1.3.0 1.9.9 2.0.0 2.1.0 3.0.0
              4.13.0 4.13.1 4.25.0 5.0.0 5.1.0 8.6.0 9.0.0 10.0.0 99.0.0].freeze

PARTIALS = %w[0 1 x * 1.2 1.x 1.* 0.2 1.2.3 0.2.3 1.2.x 1.X.3 x.2.3 5.x 1.2.3-rc1 1.2.x-rc1 1.2.3+b].freeze
SIGNS = ['', '=', '>', '>=', '<', '<=', '~', '~>', '~=', '^', '> ', '>= ', '< ', '<= ', '~> ', '^ ', '> =', '=>',
         '==', '>>', '!', '!=', '>v', '>= v', '>=v', 'v', '-'].freeze
OTHERS = ['', ' ', '||', ' || ', 'latest', '1.2.3.4', '01.0.0', '1.02.3', '1.-2', '1.', '.1', '1..2', '>=', '>= 1.0.0, < 2.0.0',
          '>= 1.0.0 < 5.x', '>=1.0.0 <5.x', '>= 4.13.1 < 9.0.0', '>=4.13.1 <9.0.0', '>= 4.13.1  <  9.0.0', ' >= 1.0.0',
          '>= 1.0.0 ', ">= 1.0.0\t< 2.0.0", ">= 1.0.0\n< 2.0.0", '>= 1.0.0 and < 2.0.0', '>= 1.0.0 && < 2.0.0',
          '>= 1.0.0 <= 1.x', '> 1.x < 5.x', '>= 1.x < 2.x', '> 0 < 1', '>= 2.0.0 < 1.0.0', '< 1.0.0 > 2.0.0',
          '1.0.0 - 2.0.0', '1.0.0 - 2', '1 - 2', '1.x - 2.x', '1.0.0 -2.0.0', '1.0.0- 2.0.0', '1.0.0-2.0.0',
          '1.0.0  -  2.0.0', '>= 1.0.0 - 2.0.0', '1.0.0 - 2.0.0 - 3.0.0', '1.0.0 - 2.0.0 ', '1.x || >= 2.5.0 < 3.0.0',
          '1.x||5.x', '1.x || 5.x || 9.x', '|| 1.x', '1.x ||', '1.x | 5.x', '1.x ||| 5.x', '1.x || latest',
          '1.0.0 1.0.0', '1.x 1.2.x', '* 1.x', '1.x *', '~1 <1.5.0', '^1.2.3 <1.9.0', '>= 1.2.3-rc1 < 1.3.0-0',
          '1.2.3-01', '1.2.3-rc.1', '1.2.3-rc..1', '1.2-rc1', '1.2.3 - 1.9.9', '>=1.2.3-', '>=1.2.3+', '1,2', 'a.b.c',
          '>= 99999.0.0', '~> 4.13', '~> 4.13.0', '~>4', '= 1', '=1.2', '>1.2.3 <1.2.4', '<0', '<=0', '>=0', '<x', '>=x',
          '<=x', '>x', '~x', '^x', '^0', '^0.0', '^0.0.1', '~0.0.1', '^*', '>= 0.0.0', '<= 1.2.3 >= 1.2.3',
          '1.2.3 || 1.2.4', '<1.0.0 || >=2.0.0', '<=1.2.3 || >=1.2.4', '>1.0.0 || <=1.0.0'].freeze

def ranges
  single = SIGNS.flat_map { |sign| PARTIALS.map { |partial| sign + partial } }
  pairs = ['>= 1.0.0', '>=1.x', '> 0.2', '~1.2', '^1', '1.x'].product(['< 5.x', '<2', '<= 1.2.x', '< 1.2.3', '1.2.x'])
  single + OTHERS + pairs.map { |pair| pair.join(' ') } + pairs.map { |pair| pair.join(' || ') }
end

def line(text)
  range = SemanticPuppet::VersionRange.parse(text)
  VERSIONS.map { |version| range.include?(SemanticPuppet::Version.parse(version)) ? '1' : '0' }.join
rescue ArgumentError
  'invalid'
rescue NoMethodError, NameError
  nil
end

puts VERSIONS.join(' ')
ranges.uniq.each do |text|
  result = line(text)
  puts "#{text.to_json}\t#{result}" if result
end
