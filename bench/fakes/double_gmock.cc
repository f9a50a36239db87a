// Google Mock's calls with two arguments.
#include "bench/fakes/double_rivals.h"

#include <gmock/gmock.h>

namespace {

class Interface {
public:
    virtual ~Interface() = default;
    virtual int call(int a, int b) = 0;
};

class Mock : public Interface {
public:
    MOCK_METHOD(int, call, (int a, int b), (override));
};

} // namespace

extern "C" void rival_gmock_on_call(long calls)
{
    testing::NiceMock<Mock> mock;
    ON_CALL(mock, call(testing::_, testing::_)).WillByDefault(testing::Return(3));
    Interface *i = &mock;
    for (long n = 0; n < calls; n++)
        i->call(1, 2);
}

extern "C" void rival_gmock_expect_call(long calls)
{
    Mock mock;
    EXPECT_CALL(mock, call(testing::Eq(1), testing::Gt(0))).WillRepeatedly(testing::Return(3));
    Interface *i = &mock;
    for (long n = 0; n < calls; n++)
        i->call(1, 2);
}
