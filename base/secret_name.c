#include "base/secret_name.h"

#include <string.h>
#include <strings.h>

bool is_secret_name(const char *name, size_t len)
{
    static const char *const words[] = {"token",  "secret",  "password", "authorization",
                                        "cookie", "api-key", "api_key",  "apikey"};
    for (size_t at = 0; at < len; at++)
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (len - at >= strlen(words[i]) && strncasecmp(name + at, words[i], strlen(words[i])) == 0)
                return true;
    return false;
}
