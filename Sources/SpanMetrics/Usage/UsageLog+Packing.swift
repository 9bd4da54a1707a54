import TraceStorage

/// Compression of the files of days that are over.
extension UsageLog {
    /// Goes on with compressing the files of days before the newest, one after the other, for ``packedSliceBytes``. To be
    /// called from the derivation's thread, which a slice holds up for some tens of milliseconds.
    ///
    /// The new file takes the place of the old one in one step, so that a crash leaves one of them, and a reader that has
    /// the old one open reads on in it. What the disk refuses is counted, and tried again on the next day or start; a
    /// start begins anew with a file that is not finished.
    func packNext() {
        var bytes = packedSliceBytes
        guard var packing = packing.withLock({ $0.take() }) ?? nextPacking() else { return }
        do throws(FileError) {
            switch try packing.goOn(&bytes, in: self) {
            case .unfinished:
                self.packing.withLock { $0 = packing }
                return
            case .packed(let savedBytes):
                withState { state in
                    state.closedBytes -= savedBytes
                    state.packed.insert(packing.name)
                }
                packing.close()
            case .left:
                withState { _ = $0.packed.insert(packing.name) }
                giveUp(packing)
            }
        } catch {
            fail(packing.name)
            giveUp(packing)
        }
    }

    /// Ends the compression of a file that is to be removed, so that it does not come again.
    func stopPacking(_ name: String) {
        let packing = packing.withLock { $0?.name == name ? $0.take() : nil }
        if let packing { giveUp(packing) }
    }

    private func giveUp(_ packing: UsagePacking) {
        packing.close()
        // Where there is none, or it cannot be removed, the next start does it.
        try? files.remove(temporary(packing.name))
    }

    private func fail(_ name: String) {
        withState { state in
            state.counts.failedCompressions += 1
            state.packed.insert(name)
        }
    }

    /// The newest file before the newest of all that was not looked at yet and may be compressed.
    private func nextPacking() -> UsagePacking? {
        let (newest, done) = withState { ($0.file, $0.packedBefore) }
        guard newest != done else { return nil }
        let names: [String]
        do throws(FileError) { names = try self.names().filter { $0 < newest }.sorted() } catch {
            withState { $0.counts.failedCompressions += 1 }
            return nil
        }
        for name in names.reversed() where !withState({ $0.packed.contains(name) }) {
            do throws(FileError) {
                if try isPacked(name) {
                    withState { _ = $0.packed.insert(name) }
                } else {
                    return try UsagePacking(name, of: self)
                }
            } catch { fail(name) }
        }
        withState { state in
            state.packedBefore = newest
            state.packed = []
        }
        return nil
    }

    private func isPacked(_ name: String) throws(FileError) -> Bool {
        let file = try files.open(path(name), .read)
        defer { file.close() }
        let start = try file.readBytes(at: 0, count: UsageChunk.headerBytes)
        return UsageChunk.Header(start[...]).map { UsagePack.isPacked($0.version) } ?? false
    }

    func temporary(_ name: String) -> String { path(name) + Self.temporarySuffix }

    static let temporarySuffix = ".tmp"
}
