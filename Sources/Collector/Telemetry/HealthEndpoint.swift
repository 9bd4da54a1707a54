import HTTPServing
import Hummingbird
import OTLP

/// `GET /` on 13133: 200 when spans are taken, 503 while starting, draining or refusing.
package struct HealthEndpoint: Sendable {
    let health: CollectorHealth

    package init(health: CollectorHealth) {
        self.health = health
    }

    /// `/` and `/status`, which are the same.
    package func router() -> Router<BasicRequestContext> {
        let router = Router()
        for path in ["/", "/status"] as [RouterPath] {
            router.get(path) { _, _ in answer() }
            router.head(path) { _, _ in answer() }
            router.refuseOtherMethods(path, allowed: [.get, .head])
        }
        return router
    }

    private func answer() -> Response {
        let report = health.report()
        var json = JSONWriter()
        json.object { json in
            json.string("status", report.status)
            json.string("uptime", GoDuration.text(.nanoseconds(Int64(report.uptimeNanoseconds))))
        }
        return .bytes(
            json.takeBytes(), contentType: "application/json", status: report.isHealthy ? .ok : .serviceUnavailable)
    }
}
