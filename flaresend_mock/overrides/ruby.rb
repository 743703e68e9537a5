# Leads connections of this Ruby process for api.flaresend.com to the emulator. RUBYOPT loads it first.
require "socket"

module FlaresendMockRedirect
  HOST = "api.flaresend.com"
  EMULATOR = %r{\Ahttps?://\[?([^\]/]+?)\]?:(\d+)}.match(ENV["FLARESEND_MOCK_REDIRECT"].to_s)&.captures

  def self.address(host, port)
    EMULATOR && host.is_a?(String) && host.chomp(".").casecmp?(HOST) ? EMULATOR : [host, port]
  end

  module Resolving
    def open(host, port = nil, *rest, **named, &block)
      super(*FlaresendMockRedirect.address(host, port), *rest, **named, &block)
    end

    def new(host, port = nil, *rest, **named, &block)
      super(*FlaresendMockRedirect.address(host, port), *rest, **named, &block)
    end
  end

  module Connecting
    def tcp(host, port, *rest, **named, &block)
      super(*FlaresendMockRedirect.address(host, port), *rest, **named, &block)
    end
  end

  module Finding
    def getaddrinfo(host, port, *rest, **named, &block)
      super(*FlaresendMockRedirect.address(host, port), *rest, **named, &block)
    end
  end

  TCPSocket.singleton_class.prepend(Resolving)
  Socket.singleton_class.prepend(Connecting)
  Addrinfo.singleton_class.prepend(Finding)
end
