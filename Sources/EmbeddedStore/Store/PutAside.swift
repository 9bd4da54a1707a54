import TraceStorage

/// A block that did not check: its spans are missing in answers until its file is removed from `quarantine/`.
struct PutAside: Sendable {
    /// The name of its file.
    let name: String
    /// False for a block whose file was gone: it is remembered until the store is closed.
    let hasFile: Bool
    let gap: StorageGap

    init(_ entry: BlockEntry, reason: String, hasFile: Bool = true) {
        name = entry.name
        self.hasFile = hasFile
        gap = StorageGap(
            tenant: entry.tenant, startMin: entry.startMin, startMax: entry.startMax,
            reason: "\(entry.spans) spans are missing: \(entry.name) was put aside, \(reason)")
    }

    /// A file that an earlier process put aside. Its footer, where it checks, says what it has; else it may have all.
    init(file name: String, footer: BlockFooter?) {
        self.name = name
        hasFile = true
        guard let footer else {
            gap = StorageGap(
                tenant: nil, startMin: 0, startMax: .max,
                reason: "spans are missing: \(name) was put aside, its footer cannot be read")
            return
        }
        gap = StorageGap(
            tenant: footer.tenant, startMin: footer.startMin, startMax: footer.startMax,
            reason: "\(footer.rows) spans are missing: \(name) was put aside because it did not check")
    }
}

extension StoreOpening {
    /// The blocks that lie in `quarantine/`.
    func putAside() throws(StorageError) -> [PutAside] {
        let folder = directory + "/" + Self.quarantine
        return try files.names(in: folder).sorted().filter { BlockEntry.number(name: $0) != nil }.map { name in
            let footer = (try? files.open(folder + "/" + name)).flatMap { try? BlockReader.readFooter($0) }
            return PutAside(file: name, footer: footer)
        }
    }
}

extension EmbeddedStore {
    /// Forgets blocks whose files somebody has removed from `quarantine/`.
    func forgetRemoved() throws(StorageError) {
        guard state.withLock({ $0.putAside.contains(where: \.hasFile) }) else { return }
        let names = Set(try files.names(in: directory + "/" + StoreOpening.quarantine))
        state.withLock { state in
            state.putAside.removeAll { $0.hasFile && !names.contains($0.name) }
        }
    }
}
