import Hummingbird
import NIOCore

/// What a request of the query listener carries: its connection, so that a query ends when its client has gone.
package struct QueryRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The connection that waits for the answer.
    let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
