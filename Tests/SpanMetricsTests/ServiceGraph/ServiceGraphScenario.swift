import OTLP
import TraceFixtures

/// Traces of services that ask one another, databases, queues and strangers, and what a graph has to say of them.
struct ServiceGraphScenario {
    /// A series but for its histograms.
    struct Edge: Hashable {
        var client: String
        var server: String
        var connection = ""
        var isFailed = false

        /// As the text format has them.
        var labels: String {
            let type = connection.isEmpty ? "" : "connection_type=\"\(connection)\","
            return "client=\"\(client)\",server=\"\(server)\",\(type)failed=\"\(isFailed)\""
        }
    }

    struct Sum: Hashable {
        var count: UInt64 = 0
        var serverNanoseconds: UInt64 = 0
        var clientNanoseconds: UInt64 = 0
    }

    private(set) var spans: [SpanFixture] = []
    private(set) var truth: [Edge: Sum] = [:]
    /// Spans whose other side never comes.
    private(set) var expired = 0
    /// Clients' spans above others that say the same.
    private(set) var nested = 0

    private static let services = ["shop", "stock", "payment", "mail", "résumé \"x\""]
    private var random: SeededGenerator
    private var nextID: UInt64 = 0
    private var traceID = TraceID(high: 11, low: 0)

    init(seed: UInt64, traces: Int) {
        random = SeededGenerator(seed: seed)
        for _ in 0..<traces { addTrace() }
    }

    private mutating func addTrace() {
        traceID = TraceID(high: .random(in: 0...3, using: &random), low: traceID.low + 1)
        // All spans of a trace are sampled alike; 2^56 * 3/4 stands for four requests.
        let weight: UInt64 = Int.random(in: 0..<4, using: &random) == 0 ? 4 : 1
        let root = span(service(), kind: 2, parent: 0, weight)
        add(Edge(client: "user", server: root.service, connection: "virtual_node", isFailed: root.isFailed), root, root)
        for _ in 0..<Int.random(in: 1...8, using: &random) { addRequest(below: root.id, of: root.service, weight) }
    }

    private mutating func addRequest(below parent: UInt64, of client: String, _ weight: UInt64) {
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1, 2:
            let asking = span(client, kind: 3, parent: parent, weight)
            let answering = span(service(), kind: 2, parent: asking.id, weight)
            add(asking, answering)
            if Bool.random(using: &random) { addRequest(below: answering.id, of: answering.service, weight) }
        case 3:
            let sending = span(client, kind: 4, parent: parent, weight)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                add(sending, span(service(), kind: 5, parent: sending.id, weight), "messaging_system")
            }
        case 4:
            let key = ["db.name", "db.namespace", "db.system.name", "db.system"].randomElement(using: &random)!
            let name = ["orders", "0"].randomElement(using: &random)!
            let asking = span(client, kind: 3, parent: parent, weight, [KeyValue(key, .string(name))])
            add(
                Edge(client: client, server: name, connection: "database", isFailed: asking.isFailed), asking, asking)
        case 5:
            let peer = ["api.example.com", nil].randomElement(using: &random)!
            let attributes = peer.map { [KeyValue("server.address", .string($0))] } ?? []
            let asking = span(client, kind: 3, parent: parent, weight, attributes)
            expired += 1
            add(
                Edge(
                    client: client, server: peer ?? "unknown", connection: "virtual_node", isFailed: asking.isFailed),
                asking, asking)
        case 6:
            // A server's span below one that is no client's: nobody knows who asked.
            _ = span(service(), kind: 2, parent: parent, weight)
            expired += 1
        case 7, 8:
            addNested(below: parent, of: client, weight)
        default:
            _ = span(client, kind: 1, parent: parent, weight)
        }
    }

    /// Two instrumented libraries of which one uses the other: a request, two clients' spans.
    private mutating func addNested(below parent: UInt64, of client: String, _ weight: UInt64) {
        let database = [KeyValue("db.system.name", .string("outer"))]
        let names: [(above: [KeyValue], below: [KeyValue], server: String, type: String)] = [
            ([KeyValue("peer.service", .string("outer"))], [], "outer", "virtual_node"),
            (
                [KeyValue("peer.service", .string("outer"))], [KeyValue("server.address", .string("inner"))], "inner",
                "virtual_node"
            ),
            ([], [], "unknown", "virtual_node"),
            (database, [KeyValue("server.address", .string("inner"))], "outer", "database"),
            (database, [KeyValue("db.name", .string("inner"))], "inner", "database"),
            ([], [KeyValue("db.name", .string("inner"))], "inner", "database"),
        ]
        let chosen = names.randomElement(using: &random)!
        let above = span(client, kind: 3, parent: parent, weight, chosen.above)
        let asking = span(client, kind: 3, parent: above.id, weight, chosen.below)
        let isAnswered = Bool.random(using: &random)
        // A database's own span is no server's span of a request, as for the connector.
        if isAnswered, chosen.below.first?.key != "db.name" {
            add(asking, span(service(), kind: 2, parent: asking.id, weight))
        } else {
            if chosen.type == "virtual_node" { expired += 1 }
            let edge = Edge(
                client: client, server: chosen.server, connection: chosen.type, isFailed: asking.isFailed)
            add(edge, asking, asking)
        }
        if Bool.random(using: &random) {
            // One that a server answers, too, counts beside the one below it.
            if chosen.above.first?.key != "db.system.name" {
                add(above, span(service(), kind: 2, parent: above.id, weight))
                return
            }
        }
        nested += 1
    }

    private struct Made {
        var id: UInt64
        var service: String
        var isFailed: Bool
        var nanoseconds: UInt64
        var weight: UInt64
    }

    private mutating func service() -> String { Self.services.randomElement(using: &random)! }

    private mutating func span(
        _ service: String, kind: Int32, parent: UInt64, _ weight: UInt64, _ attributes: [KeyValue] = []
    ) -> Made {
        nextID += 1
        let isFailed = Int.random(in: 0..<5, using: &random) == 0
        let nanoseconds = UInt64.random(in: 0...20_000_000_000, using: &random)
        spans.append(
            SpanFixture("request", service: service, id: nextID, parent: parent).with {
                $0.traceID = traceID
                $0.kind = kind
                $0.status = isFailed ? 2 : 0
                $0.end = $0.start + nanoseconds
                $0.attributes = attributes
                if weight == 4 { $0.traceState = "ot=th:c" }
            })
        return Made(id: nextID, service: service, isFailed: isFailed, nanoseconds: nanoseconds, weight: weight)
    }

    private mutating func add(_ client: Made, _ server: Made, _ connection: String = "") {
        let edge = Edge(
            client: client.service, server: server.service, connection: connection,
            isFailed: client.isFailed || server.isFailed)
        add(edge, client, server)
    }

    private mutating func add(_ edge: Edge, _ client: Made, _ server: Made) {
        truth[edge, default: Sum()].count += client.weight
        truth[edge, default: Sum()].serverNanoseconds += server.nanoseconds * client.weight
        truth[edge, default: Sum()].clientNanoseconds += client.nanoseconds * client.weight
    }
}

extension ServiceGraphScenario.Edge {
    /// With what the text format escapes.
    var escapedLabels: String {
        var copy = self
        copy.client = client.replacing("\"", with: "\\\"")
        copy.server = server.replacing("\"", with: "\\\"")
        return copy.labels
    }
}
