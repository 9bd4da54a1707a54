import CChecksum
import OTLP
import TraceStorage

/// What of alerts survives a restart: `state` in the directory of alerts, one line `SKEINALERTS <version> <CRC32C>` and
/// behind it JSON, replaced as a whole.
package struct AlertState: Sendable, Equatable {
    package var machine = AlertMachine()
    package var plan = NoticePlan()
    /// Notices that nobody has taken yet, by notifier, from old to new.
    package var queues: [String: [QueuedNotice]] = [:]

    package init() {}

    package static let fileName = "state"
    package static let version = 1
    /// 1,000 incidents are 0.5 MB; a larger file is not ours.
    package static let fileBytesMax = 64 << 20
    private static let magic = "SKEINALERTS"

    /// Why there is no state.
    package enum LoadError: Error, CustomStringConvertible {
        case corrupt(path: String, reason: String)
        case futureVersion(path: String, found: String)
        case io(FileError)

        package var description: String {
            switch self {
            case .corrupt(let path, let reason): "corrupt \(path): \(reason)"
            case .futureVersion(let path, let found):
                "\(path) has format version \(found), expected at most \(AlertState.version)"
            case .io(let error): "\(error)"
            }
        }
    }

    /// Nil when there is no file.
    package static func load(from directory: String, files: any FileSystem) throws(LoadError) -> AlertState? {
        let path = directory + "/" + fileName
        let bytes: [UInt8]
        do throws(FileError) {
            let file = try files.open(path, .read)
            defer { file.close() }
            bytes = try file.readBytes(at: 0, count: min(try file.size(), fileBytesMax + 1))
        } catch {
            if error.isNotFound { return nil }
            throw .io(error)
        }
        guard bytes.count <= fileBytesMax else {
            throw .corrupt(path: path, reason: "it has more than \(fileBytesMax) bytes")
        }
        guard let newline = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
            throw .corrupt(path: path, reason: "it has no first line")
        }
        let words = String(decoding: bytes[..<newline], as: UTF8.self).split(separator: " ")
        guard words.count == 3, words[0] == magic, let version = Int(words[1]) else {
            throw .corrupt(path: path, reason: "it does not begin with \(magic)")
        }
        guard version <= self.version else { throw .futureVersion(path: path, found: String(words[1])) }
        let body = Array(bytes[(newline + 1)...])
        guard UInt32(words[2], radix: 16) == checksum(body) else {
            throw .corrupt(path: path, reason: "its checksum is wrong")
        }
        do throws(JSONError) { return AlertState(try JSONTree(body)) } catch {
            throw .corrupt(path: path, reason: "\(error)")
        }
    }

    package func write(to directory: String, files: any FileSystem) throws(FileError) {
        var json = JSONWriter()
        write(to: &json)
        let body = json.takeBytes()
        let line = "\(Self.magic) \(Self.version) \(String(Self.checksum(body), radix: 16))\n"
        let path = directory + "/" + Self.fileName
        try files.replace(path, in: directory, with: Array(line.utf8) + body, temporary: path + ".tmp")
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { skein_crc32c(0, $0.baseAddress, $0.count) }
    }
}

/// A notice that waits for its notifier.
package struct QueuedNotice: Sendable, Equatable {
    package var notice: Notice
    package var attempts = 0
    /// Unix nanoseconds; nil before the first attempt.
    package var firstAttempt: UInt64?
    package var nextAttempt: UInt64 = 0
    package var lastError = ""

    package init(_ notice: Notice) { self.notice = notice }
}
