-- Reads JSON: what a token's payload needs, and no more. Bounded by its input, and by a depth of 16.
--
-- Debian's nginx brings no JSON for Lua; where lua-cjson is installed, `require("cjson.safe").decode` does the same.

local char, find, floor, sub = string.char, string.find, math.floor, string.sub

local DEEPEST = 16
local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }
local WORDS = { t = { "true", true }, f = { "false", false }, n = { "null", nil } }

local function utf8(code)
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  local tail = char(0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  if code < 0x10000 then return char(0xE0 + floor(code / 4096)) .. tail end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64) .. tail
end

-- The character of the escape that begins at the backslash `at`, and where the text goes on.
local function escape(text, at)
  local kind = sub(text, at + 1, at + 1)
  if kind ~= "u" then return assert(ESCAPES[kind], "escape"), at + 2 end
  local code = assert(tonumber(text:match("^%x%x%x%x", at + 2) or "", 16), "escape")
  local low = code >= 0xD800 and code < 0xDC00 and tonumber(text:match("^\\u([dD][c-fC-F]%x%x)", at + 6) or "", 16)
  if low then return utf8(0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00), at + 12 end
  return utf8(code), at + 6
end

-- The string whose quote stands at `at`, and where the text goes on.
local function quoted(text, at)
  local parts = {}
  at = at + 1
  while true do
    local stop = assert(find(text, '["\\]', at), "string")
    parts[#parts + 1] = sub(text, at, stop - 1)
    if sub(text, stop, stop) == '"' then return table.concat(parts), stop + 1 end
    parts[#parts + 1], at = escape(text, stop)
  end
end

local function space(text, at)
  return find(text, "[^ \t\r\n]", at) or #text + 1
end

local value

-- The members between brackets: `each` reads one of them and says where the text goes on.
local function members(text, at, close, each)
  at = space(text, at + 1)
  if sub(text, at, at) == close then return at + 1 end
  while true do
    at = space(text, each(at))
    local mark = sub(text, at, at)
    if mark == close then return at + 1 end
    assert(mark == ",", "comma")
    at = space(text, at + 1)
  end
end

function value(text, at, depth)
  assert(depth <= DEEPEST, "depth")
  local first = sub(text, at, at)
  if first == '"' then return quoted(text, at) end
  if first == "{" or first == "[" then
    local found = {}
    return found, members(text, at, first == "{" and "}" or "]", function(from)
      local name = #found + 1
      if first == "{" then
        assert(sub(text, from, from) == '"', "name")
        name, from = quoted(text, from)
        from = space(text, from)
        assert(sub(text, from, from) == ":", "colon")
        from = space(text, from + 1)
      end
      found[name], from = value(text, from, depth + 1)
      return from
    end)
  end
  local word = WORDS[first]
  if word then
    assert(sub(text, at, at + #word[1] - 1) == word[1], "word")
    return word[2], at + #word[1]
  end
  local number = assert(text:match("^-?%d+%.?%d*[eE]?[-+]?%d*", at), "value")
  return assert(tonumber(number), "number"), at + #number
end

-- The value, or nil where the text is not JSON.
return function(text)
  local well, found, at = pcall(value, text, space(text, 1), 0)
  return well and space(text, at) == #text + 1 and found or nil
end
