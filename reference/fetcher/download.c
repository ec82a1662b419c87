/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/fetcher/helper.h"

#define HTTP_OK 200
#define FTP_DONE 226

static CURL *curl_new(const char *uri, long stall_seconds, char *message)
{
    CURL *curl = curl_easy_init();
    if (!curl)
        return NULL;
    message[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_URL, uri);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 50L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,ftp,ftps");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https,ftp,ftps");
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, stall_seconds);
    return curl;
}

static int curl_failed(
    CURLcode code, const char *message, const char *uri, struct err *err)
{
    int errno_code = code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
    return err_set(err, errno_code, "failed to download '%s': %s", uri,
        message[0] ? message : curl_easy_strerror(code));
}

static int transfer(CURL *curl, FILE *stream, const char *message, const char *uri,
    struct err *err)
{
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, stream);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        return curl_failed(code, message, uri, err);
    long answer = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    if (answer != HTTP_OK && answer != FTP_DONE)
        return err_set(
            err, -EIO, "failed to download '%s': unexpected response code %ld", uri, answer);
    return 0;
}

int download_file(const char *uri, const char *path, long stall_seconds, struct err *err)
{
    char message[CURL_ERROR_SIZE];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");
    if (!stream)
        return err_errno(err, -errno, "open %s", path);
    CURL *curl = curl_new(uri, stall_seconds, message);
    int r = curl ? transfer(curl, stream, message, uri, err)
                 : err_set(err, -ENOMEM, "curl cannot start");
    if (fclose(stream) != 0 && r == 0)
        r = err_errno(err, -errno, "write %s", path);
    curl_easy_cleanup(curl);
    return r;
}

int download_size(const char *uri, long stall_seconds, uint64_t *ret_bytes, struct err *err)
{
    char message[CURL_ERROR_SIZE];
    CURL *curl = curl_new(uri, stall_seconds, message);
    if (!curl)
        return err_set(err, -ENOMEM, "curl cannot start");
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    CURLcode code = curl_easy_perform(curl);
    curl_off_t length = -1;
    long answer = 0;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK)
        return curl_failed(code, message, uri, err);
    if (length <= 0 || answer != HTTP_OK)
        return err_set(err, -ENODATA, "the server tells no length of '%s' (response code %ld)",
            uri, answer);
    *ret_bytes = (uint64_t)length;
    return 0;
}
