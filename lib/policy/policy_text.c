/* policy_text: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_text.h"

/* Takes one code point; 0 bytes taken when it is not strict UTF-8 (RFC 3629). */
static size_t take_point(const uint8_t *at, size_t left, uint32_t *ret_point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (len == 0 || at[0] > 0xf4 || len > left)
		return 0;
	uint32_t point = len == 1 ? at[0] : at[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (at[i] & 0x3f);
	}
	if (point < least[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret_point = point;
	return len;
}

static bool is_hidden(uint32_t p)
{
	static const uint32_t ranges[][2] = {
	    {0x00,    0x1f    },
            {0x7f,    0x9f    },
            {0xad,    0xad    },
            {0x34f,   0x34f   },
	    {0x61c,   0x61c   },
            {0x115f,  0x1160  },
            {0x17b4,  0x17b5  },
            {0x180b,  0x180f  },
	    {0x200b,  0x200f  },
            {0x2028,  0x202e  },
            {0x2060,  0x206f  },
            {0x3164,  0x3164  },
	    {0xe000,  0xf8ff  },
            {0xfe00,  0xfe0f  },
            {0xfeff,  0xfeff  },
            {0xffa0,  0xffa0  },
	    {0xfff0,  0xffff  },
            {0x1bca0, 0x1bca3 },
            {0x1d173, 0x1d17a },
            {0xe0000, 0x10ffff}
        };
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (p >= ranges[i][0] && p <= ranges[i][1])
			return true;
	return false;
}

size_t policy_text_clean(struct bytes text, bool lines, uint8_t *out)
{
	size_t n = 0;
	for (size_t i = 0; i < text.len;) {
		uint32_t point = 0;
		size_t len = take_point(text.data + i, text.len - i, &point);
		if (len == 0) {
			out[n++] = '?';
			i++;
			continue;
		}
		if (point == '\n') {
			out[n++] = lines ? '\n' : ' ';
		} else if (!is_hidden(point)) {
			memmove(out + n, text.data + i, len);
			n += len;
		}
		i += len;
	}
	return n;
}
