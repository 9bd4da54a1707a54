/// What is done with the processors of several exporters together.
extension [BatchProcessor] {
    /// Exports every record that was added before the call; false when the deadline passed first. Blocks.
    func forceFlush(until deadline: MonotonicTime) -> Bool {
        var isComplete = true
        for processor in self where !processor.forceFlush(timeout: MonotonicTime.now.duration(to: deadline)) {
            isComplete = false
        }
        return isComplete
    }

    /// Begins to shut down; all at the same time: one that has to wait must not take the others' time.
    func close(deadline: MonotonicTime) {
        for processor in self { processor.close(deadline: deadline) }
    }

    /// Waits for the end that ``close(deadline:)`` has begun, on a thread that may block.
    func waitForEnd(deadline: MonotonicTime) {
        for processor in self { processor.waitForEnd(deadline: deadline) }
    }

    /// All at the same time.
    func shutdown(timeout: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            for processor in self { group.addTask { await processor.shutdown(timeout: timeout) } }
        }
    }
}
