/// Attributes of failures and of the `exception` event.
///
/// Version: semantic conventions 1.40.
public enum ErrorAttributes {
    /// The class of the failure, of few distinct values.
    public static let errorType = AttributeKey<String>("error.type")
    /// The type of the error that was thrown.
    public static let exceptionType = AttributeKey<String>("exception.type")
    /// What the error says.
    public static let exceptionMessage = AttributeKey<String>("exception.message")
    /// Where it was thrown.
    public static let exceptionStacktrace = AttributeKey<String>("exception.stacktrace")

    /// The name of the event that reports a thrown error.
    public static let exceptionEventName = "exception"
}
