/// Attributes of a resource that say which service it is.
///
/// Version: semantic conventions 1.40.
public enum ServiceAttributes {
    /// The logical service; the same on all its instances.
    public static let serviceName = AttributeKey<String>("service.name")
    /// The version of the service.
    public static let serviceVersion = AttributeKey<String>("service.version")
    /// The group of services this one belongs to.
    public static let serviceNamespace = AttributeKey<String>("service.namespace")
    /// One running instance; unique within name and namespace.
    public static let serviceInstanceID = AttributeKey<String>("service.instance.id")
    /// `production`, `staging` and the like.
    public static let deploymentEnvironmentName = AttributeKey<String>("deployment.environment.name")
    /// The SDK that made the spans.
    public static let telemetrySDKName = AttributeKey<String>("telemetry.sdk.name")
    /// The language of the SDK.
    public static let telemetrySDKLanguage = AttributeKey<String>("telemetry.sdk.language")
    /// The version of the SDK.
    public static let telemetrySDKVersion = AttributeKey<String>("telemetry.sdk.version")
}
