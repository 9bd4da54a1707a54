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

    /// What can be found out here: the SDK, the process and the host, and a fresh `service.instance.id`.
    static func detected() -> Resource {
        var resource = Resource()
        let executable = ProcessFacts.executableName
        resource[ServiceAttributes.serviceName.name] = .string(
            executable.map { "unknown_service:\($0)" } ?? "unknown_service")
        resource[ServiceAttributes.serviceInstanceID.name] = .string(ProcessFacts.randomUUID())
        resource[ServiceAttributes.telemetrySDKName.name] = .string("skein")
        resource[ServiceAttributes.telemetrySDKLanguage.name] = .string("swift")
        resource[ServiceAttributes.telemetrySDKVersion.name] = .string(SkeinVersion.current)
        resource[ProcessAttributes.processPID.name] = .int(Int64(getpid()))
        resource[ProcessAttributes.processExecutableName.name] = executable.map { .string($0) }
        resource[ProcessAttributes.processRuntimeName.name] = .string("swift")
        resource[ProcessAttributes.hostName.name] = ProcessFacts.hostName.map { .string($0) }
        resource[ProcessAttributes.hostArch.name] = .string(ProcessFacts.architecture)
        resource[ProcessAttributes.osType.name] = .string(ProcessFacts.osType)
        return resource
    }
}

/// What the process can say about itself.
private enum ProcessFacts {
    static var executableName: String? {
        CommandLine.arguments.first?.split(separator: "/").last.map(String.init)
    }

    static var hostName: String? {
        // POSIX allows 255 bytes.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            buffer.initialize(repeating: 0)
            guard let base = buffer.baseAddress, gethostname(base, buffer.count - 1) == 0 else { return nil }
            let name = String(cString: base)
            return name.isEmpty ? nil : name
        }
    }

    /// A random UUID (version 4) in its usual form.
    static func randomUUID() -> String {
        var generator = SystemRandomNumberGenerator()
        let high = generator.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let digits = [high, low].map { number in
            let hex = String(number, radix: 16)
            return String(repeating: "0", count: 16 - hex.count) + hex
        }.joined()
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text += "-" }
            text.append(digit)
        }
        return text
    }

    static var architecture: String {
        #if arch(x86_64)
            "amd64"
        #elseif arch(arm64)
            "arm64"
        #else
            "unknown"
        #endif
    }

    static var osType: String {
        #if canImport(Darwin)
            "darwin"
        #else
            "linux"
        #endif
    }
}
