// How several exporters are told apart.
extension [TracingConfiguration.Exporter] {
    /// What messages call each: its kind, with a number from the second of a kind on.
    var namesForMessages: [String] {
        var counts: [String: Int] = [:]
        return map { exporter in
            let kind = exporter.kind
            let number = counts[kind, default: 0] + 1
            counts[kind] = number
            return number == 1 ? kind : "\(kind) \(number)"
        }
    }

    /// Where each spills to, nil for one that does not. A directory has one owner, so that no exporter takes what
    /// another has sent for its own: the first OTLP exporter, and where there is none the first one of the user's, has
    /// `directory` itself; the others have one of their own in it, by their place in the list. What the console did not
    /// show is not kept.
    func spillDirectories(_ directory: String?) -> [String?] {
        guard let directory else { return map { _ in nil } }
        let owner = firstIndex { $0.kind == "otlp" } ?? firstIndex { $0.kind == "custom" }
        return indices.map { index in
            if self[index].kind == "console" { return nil }
            return index == owner ? directory : "\(directory)/exporter-\(index + 1)"
        }
    }
}

extension TracingConfiguration.Exporter {
    fileprivate var kind: String {
        switch self {
        case .otlp: "otlp"
        case .console: "console"
        case .custom: "custom"
        }
    }
}
