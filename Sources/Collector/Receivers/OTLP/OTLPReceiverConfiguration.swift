/// `receivers.otlp`, with the keys of the OpenTelemetry Collector.
///
/// Without configuration both protocols listen. Where `protocols` is given, a protocol listens only if its key is
/// there, if only with a null value.
package struct OTLPReceiverConfiguration: Sendable, Equatable {
    package struct GRPC: Sendable, Equatable {
        package var endpoint: ListenEndpoint
        /// `max_recv_msg_size_mib`, also after decompression; larger messages are refused with RESOURCE_EXHAUSTED.
        /// 4 MiB is what gRPC implementations take by default.
        package var messageBytesMax = 4 << 20
    }

    package struct HTTP: Sendable, Equatable {
        package var endpoint: ListenEndpoint
        /// `max_request_body_size`, also after decompression; larger bodies are refused with 413. 20 MiB is the
        /// default of the OpenTelemetry Collector.
        package var bodyBytesMax = 20 << 20
        /// `traces_url_path`.
        package var tracesPath = "/v1/traces"

        package init(endpoint: ListenEndpoint) { self.endpoint = endpoint }
    }

    package var grpc: GRPC?
    package var http: HTTP?

    package init(ports: PortsConfiguration) {
        grpc = GRPC(endpoint: ports.endpoint(4317))
        http = HTTP(endpoint: ports.endpoint(4318))
    }

    package init(_ section: ConfigurationSection, ports: PortsConfiguration) {
        self.init(ports: ports)
        let protocols = section.section("protocols")
        let grpcSection = protocols.section("grpc")
        let httpSection = protocols.section("http")
        if section.has("protocols"), !grpcSection.isPresent, !httpSection.isPresent {
            section.fail("protocols", "names no protocol, expected grpc, http or both")
        }
        if section.has("protocols"), !grpcSection.isPresent { grpc = nil }
        if section.has("protocols"), !httpSection.isPresent { http = nil }
        if var grpc {
            grpc.endpoint = grpcSection.endpoint(default: grpc.endpoint)
            let mebibytes = grpcSection.integer("max_recv_msg_size_mib", default: 4, in: 1...1024)
            grpc.messageBytesMax = mebibytes << 20
            self.grpc = grpc
        }
        if var http {
            http.endpoint = httpSection.endpoint(default: http.endpoint)
            http.bodyBytesMax = httpSection.integer(
                "max_request_body_size", default: http.bodyBytesMax, in: 1024...(1 << 30))
            http.tracesPath = httpSection.string("traces_url_path", default: http.tracesPath)
            if !Self.isPath(http.tracesPath) {
                httpSection.fail(
                    "traces_url_path",
                    "'\(http.tracesPath)' is not valid, expected a path such as /v1/traces, of letters, digits and "
                        + "/ . _ ~ -")
            }
            self.http = http
        }
        grpcSection.end()
        httpSection.end()
        protocols.end()
        section.end()
    }

    /// What the router would take for a pattern, or nobody could ask for, is no path.
    private static func isPath(_ text: String) -> Bool {
        text.hasPrefix("/")
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._~-".contains($0)) }
    }
}
