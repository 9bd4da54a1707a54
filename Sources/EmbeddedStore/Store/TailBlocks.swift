import OTLP
import TraceStorage

/// The blocks that the live tail goes into, built while it fills.
///
/// Spans go into their columns while a processor has just touched them, and a seal has only the rest to do: the store
/// stays so near to the journal's end that its batches come from memory. Used by one thread.
struct TailBlocks: ~Copyable {
    /// A tenant's spans, those of a strange time apart.
    private struct Key: Hashable {
        let tenant: TenantID
        let isOutOfRange: Bool
    }

    /// Owns one builder, which a dictionary could not.
    private final class Builder {
        /// Nil once it is finished.
        var block: BlockBuilder?

        init(_ block: consuming BlockBuilder) {
            self.block = consume block
        }
    }

    private var builders: [Key: Builder] = [:]
    private let options: StoreOptions

    init(_ options: StoreOptions) {
        self.options = options
    }

    /// Takes the next batch of the tail, without its rows that are duplicates.
    mutating func append(_ stored: StoredBatch, without duplicates: [Int]) throws(FormatError) {
        var rows: (inRange: [Int], outOfRange: [Int]) = ([], [])
        rows.inRange.reserveCapacity(stored.batch.spans.count)
        var next = 0
        stored.batch.spans.withUnsafeBufferPointer { spans in
            for row in spans.indices {
                if next < duplicates.count, duplicates[next] == row {
                    next += 1
                } else if options.isOutOfRange(start: spans[row].startTime, receivedAt: stored.receivedAt) {
                    rows.outOfRange.append(row)
                } else {
                    rows.inRange.append(row)
                }
            }
        }
        try append(stored, rows.inRange, isOutOfRange: false)
        try append(stored, rows.outOfRange, isOutOfRange: true)
    }

    private mutating func append(_ stored: StoredBatch, _ rows: [Int], isOutOfRange: Bool) throws(FormatError) {
        guard !rows.isEmpty else { return }
        let key = Key(tenant: stored.tenant, isOutOfRange: isOutOfRange)
        let builder: Builder
        if let known = builders[key] {
            builder = known
        } else {
            builder = Builder(
                try BlockBuilder(tenant: key.tenant, isOutOfRange: isOutOfRange, spans: options.sealSpans))
            builders[key] = builder
        }
        try builder.block?.append(
            stored.batch, rows: rows,
            BlockBuilder.Origin(
                receivedMin: stored.receivedAt, receivedMax: stored.receivedAt, firstPosition: stored.position,
                lastPosition: stored.position))
    }

    /// Hands each block to `write`, in the order of tenants.
    mutating func finish(
        _ write: (borrowing BuiltBlock) throws(StorageError) -> Void
    ) throws(StorageError) {
        let ordered = builders.sorted {
            ($0.key.tenant.name, $0.key.isOutOfRange ? 1 : 0) < ($1.key.tenant.name, $1.key.isOutOfRange ? 1 : 0)
        }
        builders = [:]
        for (_, builder) in ordered {
            guard let block = builder.block.take() else { continue }
            let built: BuiltBlock
            do throws(FormatError) { built = try block.finish() } catch { throw .unsealable(error) }
            try write(built)
        }
    }
}

extension StorageError {
    static func unsealable(_ error: FormatError) -> StorageError {
        .io(message: "cannot seal a block: \(error.reason)")
    }
}
