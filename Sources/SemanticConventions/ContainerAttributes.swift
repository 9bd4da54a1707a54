/// Attributes of a resource that say which container it runs in.
///
/// Version: semantic conventions 1.40.
public enum ContainerAttributes {
    /// The runtime's id of the container.
    public static let containerID = AttributeKey<String>("container.id")
}

/// Attributes of a resource that say where in a Kubernetes cluster it runs.
///
/// Version: semantic conventions 1.40.
public enum KubernetesAttributes {
    /// The cluster.
    public static let clusterName = AttributeKey<String>("k8s.cluster.name")
    /// The node that the pod runs on.
    public static let nodeName = AttributeKey<String>("k8s.node.name")
    /// The namespace of the pod.
    public static let namespaceName = AttributeKey<String>("k8s.namespace.name")
    /// The pod.
    public static let podName = AttributeKey<String>("k8s.pod.name")
    /// The id that the cluster gave the pod.
    public static let podUID = AttributeKey<String>("k8s.pod.uid")
    /// The container's name in the pod's manifest.
    public static let containerName = AttributeKey<String>("k8s.container.name")
    /// The deployment that keeps the pod running.
    public static let deploymentName = AttributeKey<String>("k8s.deployment.name")
}
