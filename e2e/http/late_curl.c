/* What the house calls of libcurl: base/late.h. */
#include "base/late.h"

#include <curl/curlver.h>

_Static_assert(LIBCURL_VERSION_MAJOR == 7 || LIBCURL_VERSION_MAJOR == 8,
               "the library's name below is of libcurl 7 and 8");

struct late_library late_curl = {.file = "libcurl.so.4", .package = "libcurl4"};

LATE_FUNCTION(late_curl, curl_easy_cleanup);
LATE_FUNCTION(late_curl, curl_easy_getinfo);
LATE_FUNCTION(late_curl, curl_easy_init);
LATE_FUNCTION(late_curl, curl_easy_reset);
LATE_FUNCTION(late_curl, curl_easy_setopt);
LATE_FUNCTION(late_curl, curl_easy_strerror);
LATE_FUNCTION(late_curl, curl_multi_add_handle);
LATE_FUNCTION(late_curl, curl_multi_cleanup);
LATE_FUNCTION(late_curl, curl_multi_info_read);
LATE_FUNCTION(late_curl, curl_multi_init);
LATE_FUNCTION(late_curl, curl_multi_perform);
LATE_FUNCTION(late_curl, curl_multi_poll);
LATE_FUNCTION(late_curl, curl_multi_remove_handle);
LATE_FUNCTION(late_curl, curl_slist_append);
LATE_FUNCTION(late_curl, curl_slist_free_all);
