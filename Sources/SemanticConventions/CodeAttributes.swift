/// Attributes of a place in source code.
///
/// Version: semantic conventions 1.40.
public enum CodeAttributes {
    /// The file; in Swift `Module/File.swift`.
    public static let codeFilePath = AttributeKey<String>("code.file.path")
    /// The line in the file, from 1.
    public static let codeLineNumber = AttributeKey<Int>("code.line.number")
    /// The function.
    public static let codeFunctionName = AttributeKey<String>("code.function.name")
}
