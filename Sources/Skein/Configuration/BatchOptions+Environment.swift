extension BatchOptions {
    /// Takes over `OTEL_{prefix}_*` and `SKEIN_{prefix}_*`.
    mutating func read(_ environment: inout Environment, prefix: String) {
        readStandard(&environment, "OTEL_\(prefix)")
        readOwn(&environment, "SKEIN_\(prefix)")
    }

    private mutating func readStandard(_ environment: inout Environment, _ prefix: String) {
        environment.milliseconds(["\(prefix)_SCHEDULE_DELAY"], min: 0, into: &scheduleDelay)
        environment.milliseconds(["\(prefix)_EXPORT_TIMEOUT"], min: 1, into: &exportTimeout)
        var queueSize = maxQueueSize ?? Int.max
        environment.integer("\(prefix)_MAX_QUEUE_SIZE", min: 1, into: &queueSize)
        maxQueueSize = queueSize == Int.max ? nil : queueSize
        environment.integer("\(prefix)_MAX_EXPORT_BATCH_SIZE", min: 1, into: &maxExportBatchSize)
        if maxExportBatchSize > queueSize {
            if environment.string("\(prefix)_MAX_EXPORT_BATCH_SIZE") != nil {
                environment.report(
                    "\(prefix)_MAX_EXPORT_BATCH_SIZE", "\(maxExportBatchSize)",
                    expected: "at most the queue size; \(queueSize) is used")
            }
            maxExportBatchSize = queueSize
        }
    }

    private mutating func readOwn(_ environment: inout Environment, _ prefix: String) {
        let (policy, directory) = ("\(prefix)_OVERFLOW", "\(prefix)_SPILL_DIRECTORY")
        if let name = environment.string(policy) {
            if let chosen = BatchOptions.Overflow(rawValue: name.lowercased()) {
                overflow = chosen
            } else {
                environment.report(
                    policy, name, expected: "drop_newest, drop_oldest or block; \(overflow.rawValue) is used")
            }
        }
        environment.integer("\(prefix)_MAX_QUEUE_BYTES", min: BatchOptions.maxQueueBytesMin, into: &maxQueueBytes)
        let bytesMax = "\(prefix)_SPILL_MAX_BYTES"
        if let path = environment.string(directory) {
            var chosen = SpillOptions(directory: path)
            environment.integer(bytesMax, min: 1, into: &chosen.bytesMax)
            spill = chosen
        } else if let value = environment.string(bytesMax) {
            environment.report(bytesMax, value, expected: "a directory in \(directory) too; nothing goes to disk")
        }
    }
}
