import OTLP

/// Why a list of prices is refused.
package enum PriceBookError: Error, Hashable, Sendable, CustomStringConvertible {
    case json(JSONError)
    case tooLarge(bytes: Int)
    case tooManyModels
    case tooManyPrices(model: String)
    /// The entry of a model is no object, or its id is too long.
    case model(String, expected: String)
    case field(model: String, name: String, found: String, expected: String)

    package var description: String {
        switch self {
        case .json(let error): "prices: \(error)"
        case .tooLarge(let bytes): "prices: \(bytes) bytes, expected at most \(PriceBook.bytesMax)"
        case .tooManyModels: "prices: expected at most \(PriceBook.modelsMax) models"
        case .tooManyPrices(let model):
            "prices: model '\(model)': expected at most \(PriceBook.ratesMax) prices"
        case .model(let model, let expected): "prices: model '\(model)': expected \(expected)"
        case .field(let model, let name, let found, let expected):
            "prices: model '\(model)': \(name): \(found), expected \(expected)"
        }
    }
}
