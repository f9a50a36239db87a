/* Programs without the hooks get these. */
#include "fuzz/cover/compare.h"

__attribute__((weak)) bool compare_start(void)
{
    return false;
}

__attribute__((weak)) void compare_stop(void)
{
}

__attribute__((weak)) size_t compare_last(const struct compare **out)
{
    *out = NULL;
    return 0;
}
