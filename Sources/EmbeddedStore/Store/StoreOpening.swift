import TraceStorage

/// Finds out what a store's directory holds, and puts it in order.
struct StoreOpening {
    let directory: String
    let files: StoreFiles

    static let quarantine = "quarantine"

    func open() throws(StorageError) -> (manifest: Manifest, report: StoreReport, putAside: [PutAside]) {
        try files.makeDirectory(directory)
        var report = StoreReport()
        let names = Set(try files.names(in: directory))
        var aside = names.contains(Self.quarantine) ? try putAside() : []
        var manifest = Manifest()
        if names.contains(Manifest.fileName) {
            // The process before may have died between the manifest's renaming and its sync. The journal forgets what
            // the manifest covers, so a loss of power must not bring an older one back.
            try files.sync(directory: directory)
            manifest = try readManifest()
        } else {
            // A manifest is there before the first block, so these blocks are what is left of a store.
            if let block = names.first(where: { BlockEntry.number(name: $0) != nil }) {
                throw .corrupt(
                    message: "\(directory) holds blocks (\(block)) but no manifest; move them away to start anew")
            }
            try Self.write(manifest, directory, files)
        }
        let stored = manifest
        manifest.blocks = []
        for entry in stored.blocks {
            if let reason = try check(entry, names) {
                if names.contains(entry.name) { try Self.setAside(entry.name, directory, files) }
                report.quarantined.append("\(entry.name): \(reason)")
                // A process that died before it wrote the manifest has put the file aside already.
                let hasFile = names.contains(entry.name) || aside.contains { $0.name == entry.name }
                aside.removeAll { $0.name == entry.name }
                aside.append(PutAside(entry, reason: reason, hasFile: hasFile))
            } else {
                manifest.blocks.append(entry)
            }
        }
        try clean(names, known: Set(stored.blocks.map(\.name)), &report)
        if manifest != stored { try Self.write(manifest, directory, files) }
        return (manifest, report, aside)
    }

    /// - Throws: ``StorageError/corrupt(message:)`` when it does not check or is of a future format version.
    func readManifest() throws(StorageError) -> Manifest {
        let path = directory + "/" + Manifest.fileName
        let file = try files.open(path)
        let bytes = try file.read(at: 0, count: Int(clamping: file.bytes))
        do throws(Manifest.ReadError) {
            return try Manifest(decoding: bytes)
        } catch {
            switch error {
            case .futureVersion(let version):
                throw .futureVersion(version, of: path, readsUpTo: Manifest.version)
            case .corrupt(let reason): throw .corrupt(message: "\(path): \(reason)")
            }
        }
    }

    /// Why a block cannot be used; nil when it can. Pages are checked when they are read.
    ///
    /// - Throws: for a block of a future format version, which is not ours to put aside.
    private func check(_ entry: BlockEntry, _ names: Set<String>) throws(StorageError) -> String? {
        guard names.contains(entry.name) else { return "missing" }
        let path = directory + "/" + entry.name
        let file = try files.open(path)
        try BlockReader.refuseFutureVersion(file, path: path)
        do throws(PageError) {
            guard file.bytes == entry.fileBytes else { return "\(file.bytes) bytes long, not \(entry.fileBytes)" }
            let footer = try BlockReader.readFooter(file)
            guard UInt64(footer.rows) == entry.spans else { return "\(footer.rows) spans, not \(entry.spans)" }
            return nil
        } catch {
            switch error {
            case .format(let error): return error.reason
            // A disk that does not read now is no reason to put a block aside.
            case .storage(let error): throw error
            }
        }
    }

    /// Moves a block to `quarantine/`, where nothing reads or deletes it.
    static func setAside(_ name: String, _ directory: String, _ files: StoreFiles) throws(StorageError) {
        let target = directory + "/" + quarantine
        try files.makeDirectory(target)
        try files.rename(directory + "/" + name, to: target + "/" + name)
        try files.sync(directory: target)
        try files.sync(directory: directory)
    }

    /// Removes what a crash left behind and reports what is not ours.
    private func clean(_ names: Set<String>, known: Set<String>, _ report: inout StoreReport) throws(StorageError) {
        for name in names.sorted() where !known.contains(name) && name != Manifest.fileName {
            if name == Manifest.temporaryName || BlockEntry.number(name: name) != nil {
                try files.remove(directory + "/" + name)
                report.removed.append(name)
            } else if name != Self.quarantine {
                report.unknown.append(name)
            }
        }
    }

    /// Makes a manifest the one that holds.
    private static func write(
        _ manifest: Manifest, _ directory: String, _ files: StoreFiles
    ) throws(StorageError) {
        try prepare(manifest, directory, files)
        try putInPlace(directory, files)
    }

    /// Writes and syncs a manifest beside the one that holds. When it fails nothing has changed.
    static func prepare(
        _ manifest: Manifest, _ directory: String, _ files: StoreFiles
    ) throws(StorageError) {
        try files.write(manifest.encoded(), to: directory + "/" + Manifest.temporaryName)
    }

    /// Renames the prepared manifest over the one that holds. When it fails either may be the one on disk.
    static func putInPlace(_ directory: String, _ files: StoreFiles) throws(StorageError) {
        try files.rename(directory + "/" + Manifest.temporaryName, to: directory + "/" + Manifest.fileName)
        try files.sync(directory: directory)
    }
}
