/// Which entries of baggage every span below says: on whose behalf the work is, and which variants of experiments it
/// belongs to. Other entries are left alone: anyone on the way may have put them there.
///
/// Ask with the entries of one baggage in their order.
package struct BaggageStamps: Sendable {
    /// Bytes of a text about on whose behalf the work is.
    package static let textBytesMax = 256
    /// Bytes of the name of an experiment or a variant.
    package static let nameBytesMax = 64
    /// Experiments whose variants are stamped; of more the first count.
    private static let experimentsMax = 16

    /// Attributes, which are the names of the baggage entries too.
    private static let texts: Set<String> = [
        HTTPAttributes.userID.name, SkeinAttributes.department.name, SkeinAttributes.application.name,
        SkeinAttributes.tenant.name, SkeinAttributes.environment.name, GenAI.conversationID.name,
    ]

    private var experiments = 0

    /// For the entries of one baggage.
    package init() {}

    /// The value of the attribute that an entry is stamped as, under the entry's own name; nil for one that is none of
    /// ours.
    package mutating func value(forEntry name: String, _ text: String) -> String? {
        if Self.texts.contains(name) { return text.prefix(bytes: Self.textBytesMax) }
        guard name.hasPrefix(SkeinAttributes.experimentPrefix), experiments < Self.experimentsMax,
            Self.isName(name.dropFirst(SkeinAttributes.experimentPrefix.count))
        else { return nil }
        experiments += 1
        return text.prefix(bytes: Self.nameBytesMax)
    }

    /// Whether `text` can name an experiment or a variant: 1 to 64 letters, digits, `-`, `_` and `.`.
    package static func isName(_ text: some StringProtocol) -> Bool {
        1...nameBytesMax ~= text.utf8.count
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}
