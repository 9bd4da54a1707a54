/// A queue in one array: elements are appended at the end and taken from the front in amortised constant time.
struct FIFO<Element> {
    private var storage: [Element?] = []
    private var head = 0

    var count: Int { storage.count - head }
    var isEmpty: Bool { count == 0 }
    var first: Element? { isEmpty ? nil : storage[head] }

    /// The element `index` places behind the first.
    subscript(index: Int) -> Element {
        guard index >= 0, index < count, let element = storage[head + index] else {
            preconditionFailure("index \(index) of a queue of \(count)")
        }
        return element
    }

    mutating func append(_ element: Element) {
        storage.append(element)
    }

    @discardableResult
    mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        let element = storage[head]
        storage[head] = nil
        head += 1
        // Moving the rest only when at least as many were taken keeps the cost of one element constant.
        if head >= 32, head * 2 >= storage.count {
            storage.removeFirst(head)
            head = 0
        }
        return element
    }
}
