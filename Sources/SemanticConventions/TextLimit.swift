extension String {
    /// The longest beginning of at most `limit` bytes of UTF-8 that ends between two characters. Where one character
    /// alone is longer than that, the cut is between two of its scalars.
    package func prefix(bytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        let end = utf8.index(utf8.startIndex, offsetBy: Swift.max(limit, 0))
        var index = end
        // No character that people write is longer; looking further would be slow on text that is made to be.
        for _ in 0..<64 where index > utf8.startIndex {
            if let character = String.Index(index, within: self) { return String(self[..<character]) }
            index = utf8.index(before: index)
        }
        index = end
        while index > utf8.startIndex, String.Index(index, within: unicodeScalars) == nil {
            index = utf8.index(before: index)
        }
        return String(unicodeScalars[..<index])
    }
}
