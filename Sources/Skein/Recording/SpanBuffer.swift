/// A growing piece of memory with one owner. Not safe for concurrent use; its owner locks.
///
/// Its first allocation fits the allocator's per-thread cache, which makes it cheaper than a shared pool would be.
struct SpanBuffer: ~Copyable, @unchecked Sendable {
    // Unchecked because the memory has one owner, which may change threads with the value.

    /// The first allocation: the attributes of a typical agent span, under glibc's thread cache bound of 1,032 bytes.
    private static let initialBytes = 1000

    private var base: UnsafeMutableRawPointer?
    private(set) var capacity = 0
    private(set) var count = 0

    init(capacity: Int = 0) {
        if capacity > 0 { grow(to: capacity) }
    }

    deinit {
        base?.deallocate()
    }

    /// The bytes written so far, valid until the next change.
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base, count: count)
    }

    /// Appends exactly `size` bytes, which `write` writes.
    @inline(__always)
    mutating func append(_ size: Int, _ write: (inout WireCursor) -> Void) {
        if capacity - count < size || base == nil { makeRoom(for: size) }
        guard let base else { return }
        var cursor = WireCursor(base + count)
        write(&cursor)
        count += size
        precondition(cursor.pointer == base + count, "a field is as large as it was measured")
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        append(bytes.count) { $0.raw(bytes) }
    }

    /// Takes out a range and closes the gap.
    mutating func remove(_ range: Range<Int>) {
        guard let base, range.lowerBound >= 0, range.upperBound <= count else { return }
        (base + range.lowerBound).copyMemory(from: base + range.upperBound, byteCount: count - range.upperBound)
        count -= range.count
    }

    /// Keeps the memory and forgets what is in it.
    mutating func removeAll() {
        count = 0
    }

    @inline(never)
    private mutating func makeRoom(for size: Int) {
        grow(to: max(capacity * 2, count + size, Self.initialBytes))
    }

    private mutating func grow(to newCapacity: Int) {
        let grown = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
        if let base {
            grown.copyMemory(from: base, byteCount: count)
            base.deallocate()
        }
        base = grown
        capacity = newCapacity
    }
}
