#ifndef SKEIN_CCURL_SHIM_H
#define SKEIN_CCURL_SHIM_H

#include <curl/curl.h>
#include <stddef.h>

// libcurl's setopt and getinfo functions are variadic, which Swift cannot call. These wrappers fix one argument type
// each; the caller picks the wrapper that the option's documentation asks for.

typedef size_t (*skein_curl_data_callback)(char *data, size_t size, size_t count, void *context);
typedef int (*skein_curl_progress_callback)(
    void *context, curl_off_t expected, curl_off_t received, curl_off_t toSend, curl_off_t sent);
typedef int (*skein_curl_seek_callback)(void *context, curl_off_t offset, int origin);

static inline CURLcode skein_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode skein_curl_set_size(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode skein_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode skein_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode skein_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode skein_curl_set_data_callback(CURL *handle, CURLoption option, skein_curl_data_callback value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode skein_curl_set_seek_callback(CURL *handle, skein_curl_seek_callback value) {
    return curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, value);
}

static inline CURLcode skein_curl_set_progress_callback(CURL *handle, skein_curl_progress_callback value) {
    return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value);
}

static inline CURLcode skein_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode skein_curl_get_pointer(CURL *handle, CURLINFO info, void **value) {
    return curl_easy_getinfo(handle, info, value);
}

static inline CURLMcode skein_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

// The next finished transfer of `multi`: its easy handle and result; NULL when there is none.
static inline CURL *skein_curl_next_finished(CURLM *multi, CURLcode *result) {
    int remaining = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &remaining)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    }
    return NULL;
}

#endif
