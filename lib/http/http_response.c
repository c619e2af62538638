/* SPDX-License-Identifier: Apache-2.0 */
#include "http_response.h"

#include "base_check.h"

struct phrase {
	unsigned status;
	const char *text;
};

static const char *phrase_of(unsigned status)
{
	static const struct phrase phrases[] = {
	    {200, "OK"	                     },
	    {400, "Bad Request"                    },
	    {401, "Unauthorized"                   },
	    {403, "Forbidden"                      },
	    {404, "Not Found"                      },
	    {405, "Method Not Allowed"             },
	    {408, "Request Timeout"                },
	    {409, "Conflict"                       },
	    {413, "Content Too Large"              },
	    {415, "Unsupported Media Type"         },
	    {417, "Expectation Failed"             },
	    {422, "Unprocessable Content"          },
	    {429, "Too Many Requests"              },
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"          },
	    {503, "Service Unavailable"            },
	    {504, "Gateway Timeout"                },
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].text;
	return "Status";
}

static void put_text(struct buffer *out, const char *text)
{
	/* The room was checked once for all, in http_response_put_head. */
	CHECK(buffer_put(out, bytes_of_text(text)) == STATUS_OK);
}

static void put_number(struct buffer *out, size_t number)
{
	char text[24];
	size_t at = sizeof(text);

	text[--at] = 0;
	do {
		text[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	put_text(out, text + at);
}

/* The user's page loads its own files and asks its own signer; no other origin, no inline script,
 * no text that becomes markup, no frame around it, and passkeys for this page alone. */
static const char page_fields[] =
    "\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    "\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY"
    "\r\nReferrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin"
    "\r\nCross-Origin-Resource-Policy: same-origin"
    "\r\nPermissions-Policy: publickey-credentials-get=(self), "
    "publickey-credentials-create=(self), "
    "camera=(), microphone=(), geolocation=()";

enum status http_response_put_head(const struct http_response *response, struct buffer *out)
{
	if (out->cap - out->len < HTTP_RESPONSE_HEAD_MAX)
		return STATUS_TOO_LARGE;
	put_text(out, "HTTP/1.1 ");
	put_number(out, response->status);
	put_text(out, " ");
	put_text(out, phrase_of(response->status));
	if (response->content_type != NULL) {
		put_text(out, "\r\nContent-Type: ");
		put_text(out, response->content_type);
	}
	if (!response->streams) {
		put_text(out, "\r\nContent-Length: ");
		put_number(out, response->body_len);
	}
	put_text(out, "\r\nCache-Control: no-store");
	if (response->page)
		put_text(out, page_fields);
	if (response->retry_after_seconds != 0) {
		put_text(out, "\r\nRetry-After: ");
		put_number(out, response->retry_after_seconds);
	}
	if (response->allow != NULL) {
		put_text(out, "\r\nAllow: ");
		put_text(out, response->allow);
	}
	if (response->ask_for_token)
		put_text(out, "\r\nWWW-Authenticate: Bearer");
	if (!response->keep_alive)
		put_text(out, "\r\nConnection: close");
	put_text(out, "\r\n\r\n");
	return STATUS_OK;
}
