import TraceStorage

extension GenAISnapshot {
    /// Calls `body` with the labels of each series of runs of tools, as they are in the exposition, and their number.
    package func forEachToolSeries(
        tenant: TenantID = .default, _ body: (_ labels: PrometheusLabels, _ runs: UInt64) -> Void
    ) {
        guard let tools = tenants[tenant]?.tools else { return }
        for (labels, row) in zip(tools.labels, tools.rows) { body(labels, row.count) }
    }
}
