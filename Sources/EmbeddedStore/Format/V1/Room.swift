/// Growing memory for numbers and bytes that a block is built in. Keeps its room when it is emptied; freed with its
/// owner.
///
/// Unlike an array it is never shared, so that an append is a store and one comparison. Indices are not checked: only
/// the code that builds blocks uses it, with indices that it counted itself.
struct Room<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 0) {
        self.capacity = max(capacity, 8)
        base = .allocate(capacity: self.capacity)
    }

    init(repeating element: Element, count: Int) {
        self.init(capacity: count)
        base.update(repeating: element, count: count)
        self.count = count
    }

    deinit { base.deallocate() }

    @inline(__always)
    subscript(index: Int) -> Element {
        get { base[index] }
        nonmutating set { base[index] = newValue }
    }

    var buffer: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: base, count: count) }

    var rawBuffer: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base, count: count * MemoryLayout<Element>.stride)
    }

    @inline(__always)
    mutating func append(_ element: Element) {
        if count == capacity { grow(to: count + 1) }
        base[count] = element
        count += 1
    }

    @inline(__always)
    mutating func append(_ source: UnsafePointer<Element>, count added: Int) {
        reserve(added)
        (base + count).update(from: source, count: added)
        count += added
    }

    /// Makes room for so many more elements behind the last, which the caller may then write to.
    @inline(__always)
    @discardableResult
    mutating func reserve(_ added: Int) -> UnsafeMutablePointer<Element> {
        if capacity - count < added { grow(to: count + added) }
        return base + count
    }

    /// Takes so many elements that were written behind the last after a call of ``reserve(_:)``.
    @inline(__always)
    mutating func take(_ added: Int) { count += added }

    mutating func removeAll() { count = 0 }

    /// Forgets all elements but the first.
    mutating func truncate(to count: Int) { self.count = min(self.count, count) }

    @inline(never)
    private mutating func grow(to needed: Int) {
        let larger = max(needed, capacity * 2)
        let moved = UnsafeMutablePointer<Element>.allocate(capacity: larger)
        moved.update(from: base, count: count)
        base.deallocate()
        base = moved
        capacity = larger
    }
}

extension Room<UInt8> {
    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { bytes in
            if let start = bytes.baseAddress { append(start, count: bytes.count) }
        }
    }

    mutating func append(fixed value: UInt64) {
        UnsafeMutableRawPointer(reserve(8)).storeBytes(of: value.littleEndian, as: UInt64.self)
        take(8)
    }

    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}
