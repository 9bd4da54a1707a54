/// The parameters of a URL's query, in their order.
struct QueryParameters {
    private var pairs: [(name: String, value: String)] = []

    /// - Parameter query: what follows the `?`; a pair whose encoding is broken is taken as it stands.
    init(_ query: String?) {
        for pair in (query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            pairs.append((Self.decode(parts[0]), parts.count > 1 ? Self.decode(parts[1]) : ""))
        }
    }

    private static func decode(_ text: Substring) -> String {
        PercentEncoding.decode(text, plusIsSpace: true) ?? String(text)
    }

    /// The first value of the first of these names that has one which is not empty.
    subscript(_ names: String...) -> String? {
        for name in names {
            if let pair = pairs.first(where: { $0.name == name && !$0.value.isEmpty }) { return pair.value }
        }
        return nil
    }

    /// All values of a name, empty ones included.
    func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

    /// A switch: absent, empty, `false` and `0` are off.
    func flag(_ names: String...) -> Bool {
        names.contains { name in
            self[name].map { $0 != "false" && $0 != "0" } ?? false
        }
    }
}
