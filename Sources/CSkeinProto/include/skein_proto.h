// Written by proto/generate.sh; do not edit.
#ifndef SKEIN_PROTO_H
#define SKEIN_PROTO_H

#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h"
#include "opentelemetry/proto/common/v1/common.pb-c.h"
#include "opentelemetry/proto/resource/v1/resource.pb-c.h"
#include "opentelemetry/proto/trace/v1/trace.pb-c.h"
#include "skein_arena.h"
#include "skein_guard.h"

// The address of each descriptor, which Swift cannot take of a C constant.
static inline const ProtobufCMessageDescriptor *google__protobuf__any__type(void) {
    return &google__protobuf__any__descriptor;
}
static inline const ProtobufCMessageDescriptor *google__protobuf__duration__type(void) {
    return &google__protobuf__duration__descriptor;
}
static inline const ProtobufCMessageDescriptor *google__rpc__bad_request__type(void) {
    return &google__rpc__bad_request__descriptor;
}
static inline const ProtobufCMessageDescriptor *google__rpc__bad_request__field_violation__type(void) {
    return &google__rpc__bad_request__field_violation__descriptor;
}
static inline const ProtobufCMessageDescriptor *google__rpc__localized_message__type(void) {
    return &google__rpc__localized_message__descriptor;
}
static inline const ProtobufCMessageDescriptor *google__rpc__retry_info__type(void) {
    return &google__rpc__retry_info__descriptor;
}
static inline const ProtobufCMessageDescriptor *google__rpc__status__type(void) {
    return &google__rpc__status__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__collector__trace__v1__export_trace_partial_success__type(void) {
    return &opentelemetry__proto__collector__trace__v1__export_trace_partial_success__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__collector__trace__v1__export_trace_service_request__type(void) {
    return &opentelemetry__proto__collector__trace__v1__export_trace_service_request__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__collector__trace__v1__export_trace_service_response__type(void) {
    return &opentelemetry__proto__collector__trace__v1__export_trace_service_response__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__common__v1__any_value__type(void) {
    return &opentelemetry__proto__common__v1__any_value__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__common__v1__array_value__type(void) {
    return &opentelemetry__proto__common__v1__array_value__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__common__v1__entity_ref__type(void) {
    return &opentelemetry__proto__common__v1__entity_ref__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__common__v1__instrumentation_scope__type(void) {
    return &opentelemetry__proto__common__v1__instrumentation_scope__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__common__v1__key_value__type(void) {
    return &opentelemetry__proto__common__v1__key_value__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__common__v1__key_value_list__type(void) {
    return &opentelemetry__proto__common__v1__key_value_list__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__resource__v1__resource__type(void) {
    return &opentelemetry__proto__resource__v1__resource__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__trace__v1__resource_spans__type(void) {
    return &opentelemetry__proto__trace__v1__resource_spans__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__trace__v1__scope_spans__type(void) {
    return &opentelemetry__proto__trace__v1__scope_spans__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__trace__v1__span__type(void) {
    return &opentelemetry__proto__trace__v1__span__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__trace__v1__span__event__type(void) {
    return &opentelemetry__proto__trace__v1__span__event__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__trace__v1__span__link__type(void) {
    return &opentelemetry__proto__trace__v1__span__link__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__trace__v1__status__type(void) {
    return &opentelemetry__proto__trace__v1__status__descriptor;
}
static inline const ProtobufCMessageDescriptor *opentelemetry__proto__trace__v1__traces_data__type(void) {
    return &opentelemetry__proto__trace__v1__traces_data__descriptor;
}

#endif
