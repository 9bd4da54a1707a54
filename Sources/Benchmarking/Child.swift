import Foundation

/// This executable once more, with pipes at both ends.
package struct Child {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    package init(_ arguments: [String]) throws {
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// The next line; empty at the end.
    package func line() -> String {
        var bytes: [UInt8] = []
        while let byte = try? output.fileHandleForReading.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") {
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    package func send(_ line: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
    }

    package func closeInput() {
        try? input.fileHandleForWriting.close()
    }

    package func finish() {
        closeInput()
        process.waitUntilExit()
    }
}
