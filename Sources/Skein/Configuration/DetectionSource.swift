import ContextBaggage

/// Where detectors look; tests bring files and variables of their own.
package struct DetectionSource {
    private let variable: (String) -> String?
    private let file: (String) -> [UInt8]?
    let hostName: String?

    /// - Parameter file: the content of a file; nil where it cannot be read.
    package init(variable: @escaping (String) -> String?, file: @escaping (String) -> [UInt8]?, hostName: String?) {
        self.variable = variable
        self.file = file
        self.hostName = hostName
    }

    /// The process's own.
    static var process: DetectionSource { DetectionSource(variable: Environment.process) }

    /// The machine's files with other variables.
    init(variable: @escaping (String) -> String?) {
        self.init(variable: variable, file: Self.contents, hostName: HostFacts.hostName)
    }

    /// Bytes of a file that are read: thousands of mounts fit, and no file can hold the start up.
    private static let fileBytesMax = 1 << 20
    /// Characters of a value that are taken: names of Kubernetes and hosts have at most 253.
    private static let valueCharactersMax = 1_024

    private static func contents(_ path: String) -> [UInt8]? {
        try? FileReader.read(path, bytesMax: fileBytesMax)
    }

    func text(_ path: String) -> String? {
        file(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The first line of a file that is not empty.
    func line(_ path: String) -> String? {
        let line = text(path)?.split(whereSeparator: \.isNewline).first?.trimmingOptionalWhitespace()
        return line.flatMap { $0.isEmpty ? nil : String($0.prefix(Self.valueCharactersMax)) }
    }

    /// A variable; an empty one counts as absent.
    func value(_ name: String) -> String? {
        let value = variable(name)?.trimmingOptionalWhitespace() ?? ""
        return value.isEmpty ? nil : String(value.prefix(Self.valueCharactersMax))
    }
}
