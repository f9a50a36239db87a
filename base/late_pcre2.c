/* What the house calls of PCRE2: base/late.h. */
#include "base/late.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

_Static_assert(PCRE2_MAJOR == 10, "the library's name below is that of PCRE2 10");

struct late_library late_pcre2 = {.file = "libpcre2-8.so.0", .package = "libpcre2-8-0"};

LATE_FUNCTION(late_pcre2, pcre2_code_free_8);
LATE_FUNCTION(late_pcre2, pcre2_compile_8);
LATE_FUNCTION(late_pcre2, pcre2_compile_context_create_8);
LATE_FUNCTION(late_pcre2, pcre2_compile_context_free_8);
LATE_FUNCTION(late_pcre2, pcre2_general_context_create_8);
LATE_FUNCTION(late_pcre2, pcre2_general_context_free_8);
LATE_FUNCTION(late_pcre2, pcre2_get_error_message_8);
LATE_FUNCTION(late_pcre2, pcre2_get_ovector_count_8);
LATE_FUNCTION(late_pcre2, pcre2_get_ovector_pointer_8);
LATE_FUNCTION(late_pcre2, pcre2_match_8);
LATE_FUNCTION(late_pcre2, pcre2_match_context_create_8);
LATE_FUNCTION(late_pcre2, pcre2_match_context_free_8);
LATE_FUNCTION(late_pcre2, pcre2_match_data_create_from_pattern_8);
LATE_FUNCTION(late_pcre2, pcre2_match_data_free_8);
LATE_FUNCTION(late_pcre2, pcre2_set_depth_limit_8);
LATE_FUNCTION(late_pcre2, pcre2_set_heap_limit_8);
LATE_FUNCTION(late_pcre2, pcre2_set_match_limit_8);
LATE_FUNCTION(late_pcre2, pcre2_set_parens_nest_limit_8);
