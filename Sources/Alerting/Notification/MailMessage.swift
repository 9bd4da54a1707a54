import OTLP

/// A notice as a mail: RFC 5322 headers, MIME, UTF-8 in base64, so that no line is too long and no server needs 8BITMIME.
enum MailMessage {
    /// - Parameter unique: Distinguishes the mail from every other; the same for repeated attempts, so that who got one
    ///   twice can tell.
    static func bytes(
        _ notice: Notice, _ email: NotifierConfiguration.Email, externalURL: String, unique: String, at now: UInt64
    ) -> [UInt8] {
        let domain = addressPart(email.from).split(separator: "@").last.map(String.init) ?? "localhost"
        var lines = [
            "Date: \(AlertCalendar.rfc5322(now))",
            "From: \(address(email.from))",
            "To: \(email.to.map(address).joined(separator: ",\r\n "))",
            "Message-ID: <\(unique)@\(domain)>",
            "Subject: \(encodedWords(NoticeText.title(notice)))",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64",
            "Auto-Submitted: auto-generated",
            "",
        ]
        let text = NoticeText.plain(notice, externalURL: externalURL).split(
            separator: "\n", omittingEmptySubsequences: false)
        lines += base64(Array(text.joined(separator: "\r\n").utf8), lineBytes: 76)
        return Array((lines.joined(separator: "\r\n") + "\r\n").utf8)
    }

    /// The address of `Name <a@b>`.
    static func addressPart(_ text: String) -> String {
        guard let open = text.lastIndex(of: "<"), let close = text.lastIndex(of: ">"), open < close else { return text }
        return String(text[text.index(after: open)..<close])
    }

    /// A mailbox with its name encoded where it has to be.
    private static func address(_ text: String) -> String {
        let part = addressPart(text)
        guard part != text, let open = text.lastIndex(of: "<") else { return text }
        let name = text[..<open].filter { $0 != "\"" }
        let shown = name.lastIndex { !$0.isWhitespace }.map { String(name[...$0]) } ?? ""
        if shown.isEmpty { return "<\(part)>" }
        let isPlain = shown.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        return isPlain ? "\"\(shown.filter { $0 != "\\" })\" <\(part)>" : "\(encodedWords(shown)) <\(part)>"
    }

    /// Text of a header: as it is where it is ASCII and short, else as encoded words (RFC 2047).
    static func encodedWords(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } && text.utf8.count <= 60 && !text.contains("=?")
        if isPlain { return text }
        // A line of at most 76 characters (RFC 2047, section 2) holds the header's name and a word: 12 characters around
        // the base64 of 39 bytes. No character is cut in two.
        var words: [[UInt8]] = [[]]
        for scalar in text.unicodeScalars {
            let bytes = scalar.value < 0x20 || scalar.value == 0x7F ? [UInt8(ascii: " ")] : Array(String(scalar).utf8)
            if words[words.count - 1].count + bytes.count > 39 { words.append([]) }
            words[words.count - 1] += bytes
        }
        return words.map { "=?UTF-8?B?\(base64($0, lineBytes: .max).first ?? "")?=" }.joined(separator: "\r\n ")
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func base64(_ bytes: [UInt8], lineBytes: Int) -> [String] {
        var output: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let first = group.startIndex
            let number =
                UInt32(group[first]) << 16 | (group.count > 1 ? UInt32(group[first + 1]) << 8 : 0)
                | (group.count > 2 ? UInt32(group[first + 2]) : 0)
            output.append(alphabet[Int(number >> 18 & 63)])
            output.append(alphabet[Int(number >> 12 & 63)])
            output.append(group.count > 1 ? alphabet[Int(number >> 6 & 63)] : UInt8(ascii: "="))
            output.append(group.count > 2 ? alphabet[Int(number & 63)] : UInt8(ascii: "="))
        }
        let width = min(lineBytes, max(1, output.count))
        return stride(from: 0, to: output.count, by: width).map { start in
            String(decoding: output[start..<min(start + width, output.count)], as: UTF8.self)
        }
    }
}
