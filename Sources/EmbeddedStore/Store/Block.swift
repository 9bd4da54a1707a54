import Synchronization
import TraceStorage

/// One sealed block of the store: its entry in the manifest, and its file once somebody reads it.
///
/// The file stays until no snapshot holds the block, so a query never loses a block that it has begun to read.
final class Block: Sendable {
    private final class WeakFile: Sendable {
        private struct Reference: Sendable {
            weak var file: (StoreFile)?
        }

        private let reference = Mutex(Reference())

        var file: (StoreFile)? {
            get { reference.withLock { $0.file } }
            set { reference.withLock { $0.file = newValue } }
        }
    }

    let entry: BlockEntry
    let path: String
    private let shared = WeakFile()
    /// Set by a query that found the block's bytes wrong; the writer then puts the block aside.
    let damage = Mutex<String?>(nil)

    init(_ entry: BlockEntry, directory: String) {
        self.entry = entry
        path = directory + "/" + entry.name
    }

    /// The open file, shared by the queries that use it at the moment and closed by the last of them.
    func open(_ files: StoreFiles) throws(StorageError) -> StoreFile {
        if let file = shared.file { return file }
        let file = try files.open(path)
        shared.file = file
        return file
    }
}
