/// What is said once about all spans of a process.
public struct Resource: Sendable {
    /// In the order in which they were set; keys are distinct.
    public private(set) var attributes: [(key: String, value: AttributeValue)] = []

    /// A resource without attributes.
    public init() {}

    /// The value of an attribute; setting replaces it, nil removes it.
    public subscript(key: String) -> AttributeValue? {
        get { attributes.first { $0.key == key }?.value }
        set {
            let index = attributes.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): attributes[index].value = value
            case (let index?, nil): attributes.remove(at: index)
            case (nil, let value?): attributes.append((key, value))
            case (nil, nil): break
            }
        }
    }
}
