import HTTPTypes
import Hummingbird

extension RouterMethods {
    /// Answers every method but those in `allowed` with 405 and an `Allow` header; without it Hummingbird takes
    /// a wrong method for an unknown path.
    ///
    /// - Parameters:
    ///   - path: a path for which the methods in `allowed` have, or will get, routes of their own.
    ///   - onRefusal: called for every request that is refused, to count it.
    package func refuseOtherMethods(
        _ path: RouterPath, allowed: [HTTPRequest.Method], onRefusal: @escaping @Sendable () -> Void = {}
    ) {
        let allow = allowed.map(\.rawValue).joined(separator: ", ")
        let known: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]
        for method in known where !allowed.contains(method) {
            on(path, method: method) { _, _ in
                onRefusal()
                return Response(status: .methodNotAllowed, headers: [.allow: allow])
            }
        }
    }
}
