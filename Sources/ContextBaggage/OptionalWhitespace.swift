extension StringProtocol where SubSequence == Substring {
    /// Without the spaces and tabs at both ends that HTTP calls optional white space.
    package func trimmingOptionalWhitespace() -> Substring {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var rest = self[...].utf8
        while let first = rest.first, isSpace(first) { rest.removeFirst() }
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        return Substring(rest)
    }
}
