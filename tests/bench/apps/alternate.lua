-- wrk asks for a slow and a quick page in turn.
local number = 0

function request()
    number = number + 1
    return wrk.format("GET", wrk.path .. (number % 2 == 0 and "slow" or "quick"))
end
