import TraceStorage

/// State that is derived from spans as they arrive and outlives the process in a section of the ``DerivedCheckpoint``.
///
/// ``record(_:)`` comes from one thread in the order of positions. What a batch changes depends on the batch and the
/// state alone, never on clock or chance, so that a replay ends in the same state.
package protocol Derivation: AnyObject, Sendable {
    /// The section's name: at most 255 bytes, never reused for something else.
    var checkpointName: String { get }

    /// The last batch that was recorded; one at or before it is passed over.
    var position: JournalPosition { get }

    func record(_ batch: StoredBatch)

    /// Makes files of the derivation's own usable; called before anything else.
    func open() throws(CheckpointError)

    /// Makes durable what a checkpoint that is about to be written relies on.
    func prepareCheckpoint() throws(CheckpointError)

    /// The whole state and its position.
    func checkpointSection() -> CheckpointSection

    /// Replaces the state by that of a section; called before the first batch.
    ///
    /// - Throws: ``CheckpointError/corrupt(path:reason:)`` or ``CheckpointError/futureVersion(path:found:supported:)``
    ///   with an empty path; the state is unchanged then.
    func restore(_ section: CheckpointSection) throws(CheckpointError) -> RestoreOutcome
}

extension Derivation {
    package func open() throws(CheckpointError) {}
    package func prepareCheckpoint() throws(CheckpointError) {}
}

/// What became of a section.
package enum RestoreOutcome: Hashable, Sendable {
    case restored
    /// The section was made under another configuration: counting begins at zero after the section's position.
    case startedOver(reason: String)
}

/// One derivation's state in a checkpoint.
package struct CheckpointSection: Hashable, Sendable {
    package var name: String
    /// Of the payload's own format, from 1.
    package var version: UInt32
    package var position: JournalPosition
    package var payload: [UInt8]

    package init(name: String, version: UInt32, position: JournalPosition, payload: [UInt8]) {
        self.name = name
        self.version = version
        self.position = position
        self.payload = payload
    }
}

/// What all payloads have in common: they begin with the configuration's fingerprint.
extension CheckpointSection {
    var reader: ByteReader { ByteReader(payload[...]) }

    /// What the configuration that the section was made under counts by.
    func fingerprint(_ reader: inout ByteReader, versionMax: UInt32) throws(CheckpointError) -> String {
        guard version <= versionMax else {
            throw .futureVersion(
                path: "", found: "section '\(name)' in version \(version)", supported: "at most \(versionMax)")
        }
        guard let fingerprint = reader.text() else { throw .corrupt(path: "", reason: "section '\(name)' is empty") }
        return fingerprint
    }

    var holdsSomethingElse: CheckpointError {
        .corrupt(path: "", reason: "section '\(name)' holds something else than series")
    }
}

/// Why a checkpoint could not be used or made.
package enum CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file does not check. Derived state can be rebuilt from the journal's oldest record.
    case corrupt(path: String, reason: String)
    /// A newer program wrote it; nothing was changed.
    case futureVersion(path: String, found: String, supported: String)
    /// The file or its directory refused.
    case io(FileError)

    package var description: String {
        switch self {
        case .corrupt(let path, let reason): "corrupt checkpoint \(path): \(reason)"
        case .futureVersion(let path, let found, let supported):
            "checkpoint \(path) has \(found), expected \(supported)"
        case .io(let error): "\(error)"
        }
    }

    func with(path: String) -> CheckpointError {
        switch self {
        case .corrupt(_, let reason): .corrupt(path: path, reason: reason)
        case .futureVersion(_, let found, let supported):
            .futureVersion(path: path, found: found, supported: supported)
        case .io: self
        }
    }
}
