#include "edge/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

struct taking {
	struct http_reply *reply;
	size_t body_max;
	bool is_too_long;
};

static size_t take_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct taking *taking = ctx;
	size_t length = size * count;

	if (length > taking->body_max - taking->reply->body.len) {
		taking->is_too_long = true;
		return 0;
	}
	buffer_put(&taking->reply->body, bytes, length);
	return length;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *ctx)
{
	static const char name[] = "Adds-Up:";
	struct taking *taking = ctx;
	struct slice line = { bytes, size * count };

	if (line.len >= sizeof(name) && strncasecmp(line.at, name, sizeof(name) - 1) == 0) {
		line = (struct slice){ line.at + sizeof(name) - 1, line.len - sizeof(name) + 1 };
		taking->reply->adds_up = !slice_is(slice_trim(line), "no");
	}
	return size * count;
}

/* Nothing that would make another URL of it. */
static bool is_address(const char *address)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
	const char *colon = strrchr(address, ':');

	return colon && colon[1] && strspn(address, allowed) == strlen(address) &&
	       strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

static int perform(CURL *curl, const char *address, struct taking *taking)
{
	char detail[CURL_ERROR_SIZE] = "";

	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
	CURLcode code = curl_easy_perform(curl);

	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
	if (taking->is_too_long)
		return err_raise(
			-EFBIG, "%s answers more than %zu bytes", address, taking->body_max);
	if (code != CURLE_OK)
		return err_raise(-EIO, "%s does not answer: %s", address,
			detail[0] ? detail : curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &taking->reply->status);
	return 0;
}

int http_get(const char *address, const char *path, int64_t timeout_ms, size_t body_max,
	struct http_reply *ret)
{
	_cleanup_buffer_ struct buffer url = { 0 };
	struct taking taking = { ret, body_max, false };

	*ret = (struct http_reply){ .adds_up = true };
	if (!is_address(address))
		return err_raise(-EINVAL, "«%s»: host:port is wanted", address);
	buffer_printf(&url, "http://%s%s%s", address[0] == ':' ? "127.0.0.1" : "", address, path);
	CURL *curl = curl_easy_init();

	if (!curl)
		return err_raise(-ENOMEM, "no HTTP client can be made");
	curl_easy_setopt(curl, CURLOPT_URL, buffer_text(&url));
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &taking);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &taking);
	int code = perform(curl, address, &taking);

	curl_easy_cleanup(curl);
	if (code < 0)
		http_reply_deinit(ret);
	return code < 0 ? err_pass(code) : 0;
}

void http_reply_deinit(struct http_reply *reply)
{
	buffer_deinit(&reply->body);
}
