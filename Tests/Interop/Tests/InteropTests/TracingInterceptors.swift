import GRPCCore
import Synchronization
import Tracing

/// Gives every call of a gRPC client a span and sends its context along.
struct ClientTracingInterceptor: ClientInterceptor {
    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingClientRequest<Input>, context: ClientContext,
        next: (StreamingClientRequest<Input>, ClientContext) async throws -> StreamingClientResponse<Output>
    ) async throws -> StreamingClientResponse<Output> {
        let call = RPCSpan(context.descriptor, startSpan(context.descriptor.fullyQualifiedMethod, ofKind: .client))
        var request = request
        InstrumentationSystem.instrument.inject(call.context, into: &request.metadata, using: MetadataInjector())
        do {
            var response = try await ServiceContext.withValue(call.context) { try await next(request, context) }
            switch response.accepted {
            case .failure(let error): call.end(throwing: error)
            case .success(var contents):
                // The call lasts until its answer has been read.
                contents.bodyParts = RPCAsyncSequence(wrapping: CallParts(parts: contents.bodyParts, call: call))
                response.accepted = .success(contents)
            }
            return response
        } catch {
            call.end(throwing: error)
            throw error
        }
    }
}

/// Gives every call that a gRPC server answers a span, as the child of the caller's.
struct ServerTracingInterceptor: ServerInterceptor {
    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: ServerContext,
        next: @Sendable (StreamingServerRequest<Input>, ServerContext) async throws -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        var parent = ServiceContext.topLevel
        InstrumentationSystem.instrument.extract(request.metadata, into: &parent, using: MetadataExtractor())
        let call = RPCSpan(
            context.descriptor,
            startSpan(context.descriptor.fullyQualifiedMethod, context: parent, ofKind: .server))
        do {
            var response = try await ServiceContext.withValue(call.context) { try await next(request, context) }
            switch response.accepted {
            case .failure(let error): call.end(throwing: error)
            case .success(var contents):
                // Messages are made when the handler has returned, and in no context but this one.
                let produce = contents.producer
                contents.producer = { writer in
                    do {
                        let metadata = try await ServiceContext.withValue(call.context) { try await produce(writer) }
                        call.end()
                        return metadata
                    } catch {
                        call.end(throwing: error)
                        throw error
                    }
                }
                response.accepted = .success(contents)
            }
            return response
        } catch {
            call.end(throwing: error)
            throw error
        }
    }
}

/// The span of one call; ends once, at the latest when nobody can read the answer any more.
final class RPCSpan: Sendable {
    private let span: any Span
    private let isEnded = Mutex(false)

    init(_ method: MethodDescriptor, _ span: any Span) {
        self.span = span
        span.attributes["rpc.system"] = "grpc"
        span.attributes["rpc.service"] = method.service.fullyQualifiedService
        span.attributes["rpc.method"] = method.method
    }

    deinit { end(throwing: CancellationError()) }

    var context: ServiceContext { span.context }

    func end() { end(.ok) }

    func end(throwing error: any Error) {
        end((error as? RPCError).map { Status.Code($0.code) } ?? .unknown, error)
    }

    private func end(_ code: Status.Code, _ error: (any Error)? = nil) {
        let isFirst = isEnded.withLock { isEnded in
            defer { isEnded = true }
            return !isEnded
        }
        guard isFirst else { return }
        span.attributes["rpc.grpc.status_code"] = code.rawValue
        if let error {
            span.recordError(error)
            span.setStatus(SpanStatus(code: .error, message: (error as? RPCError)?.message))
        }
        span.end()
    }
}

/// The parts of an answer; reading them to the end, or to an error, ends the span of the call.
private struct CallParts<Part: Sendable>: AsyncSequence, Sendable {
    typealias Element = Part
    typealias Failure = any Error

    let parts: RPCAsyncSequence<Part, any Error>
    let call: RPCSpan

    func makeAsyncIterator() -> Iterator { Iterator(parts: parts.makeAsyncIterator(), call: call) }

    struct Iterator: AsyncIteratorProtocol {
        var parts: RPCAsyncSequence<Part, any Error>.AsyncIterator
        let call: RPCSpan

        mutating func next(isolation actor: isolated (any Actor)?) async throws -> Part? {
            do {
                let part = try await parts.next(isolation: actor)
                if part == nil { call.end() }
                return part
            } catch {
                call.end(throwing: error)
                throw error
            }
        }

        mutating func next() async throws -> Part? { try await next(isolation: nil) }
    }
}

private struct MetadataInjector: Injector {
    func inject(_ value: String, forKey key: String, into metadata: inout Metadata) {
        metadata.replaceOrAddString(value, forKey: key)
    }
}

private struct MetadataExtractor: Extractor {
    func extract(key: String, from metadata: Metadata) -> String? {
        let values = Array(metadata[stringValues: key])
        return values.isEmpty ? nil : values.joined(separator: ",")
    }
}
