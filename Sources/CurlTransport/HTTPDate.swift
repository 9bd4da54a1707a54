import CCurl

/// Seconds since 1970 of an HTTP-date in any of the three forms of RFC 9110 §5.6.7; nil for other text.
package func parseHTTPDate(_ text: String) -> Int64? {
    guard text.utf8.contains(UInt8(ascii: ":")) else { return nil }
    let seconds = curl_getdate(text, nil)
    return seconds < 0 ? nil : Int64(seconds)
}
