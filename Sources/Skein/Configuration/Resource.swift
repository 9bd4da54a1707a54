import SemanticConventions

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What is said once about all spans of a process.
public struct Resource: Sendable {
    /// In the order in which they were set; keys are distinct.
    public private(set) var attributes: [(key: String, value: AttributeValue)] = []
    /// The instance id that was made up here and names this process alone.
    var madeUpInstanceID: String?

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

    /// The same for a child of `fork`: another process, and another instance where nobody named the instance.
    func ofChildProcess() -> Resource {
        var child = self
        let (pid, instance) = (ProcessAttributes.processPID.name, ServiceAttributes.serviceInstanceID.name)
        if child[pid] != nil { child[pid] = .int(Int64(getpid())) }
        if let madeUpInstanceID, child[instance] == .string(madeUpInstanceID) {
            let fresh = HostFacts.randomUUID()
            child[instance] = .string(fresh)
            child.madeUpInstanceID = fresh
        }
        return child
    }
}
