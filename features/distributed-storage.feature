@req:tests.features
Feature: Keys and values over many shards
  Any bytes under any key at one address. Where a key lies is arithmetic that every client can do; that it lies on
  several nodes shows only in two headers. What was acknowledged is there, whatever dies.

  Rule: A value comes back as it was stored

    @req:kv.put.stored @req:kv.get.bytes
    Scenario Outline: <bytes> bytes come back byte for byte
      When I store <bytes> varied bytes under "sized"
      Then the answer is 204
      And the answer has the header "etag"
      And the key "sized" returns the same bytes

      @req:kv.put.empty
      Examples: nothing at all
        | bytes |
        | 0     |

      Examples: around the size from which values are streamed
        | bytes |
        | 1     |
        | 300   |
        | 65536 |
        | 65537 |

      @req:kv.value.16mib
      Examples: up to the largest
        | bytes    |
        | 1048576  |
        | 16777216 |

    @req:kv.put.content-type
    Scenario Outline: The content-type <sent> comes back
      Given the request header "content-type" is "<sent>"
      When I send PUT "/data/typed" with "{}"
      And I send GET "/data/typed"
      Then the answer header "content-type" is "<sent>"

      Examples:
        | sent                           |
        | application/json               |
        | text/plain; charset=iso-8859-1 |
        | image/png                      |
        | application/x.my-own+thing     |

    @req:kv.put.content-type
    Scenario: A value without a content-type is a stream of octets
      When I send PUT "/data/untyped" with "some bytes"
      And I send GET "/data/untyped"
      Then the answer header "content-type" is "application/octet-stream"

    @req:kv.put.overwrite
    Scenario: A later PUT replaces value and content-type
      Given the request header "content-type" is "text/plain"
      And I send PUT "/data/doc" with "first"
      When the request header "content-type" is "application/json"
      And I send PUT "/data/doc" with "[2]"
      And I send GET "/data/doc"
      Then the answer text is "[2]"
      And the answer header "content-type" is "application/json"

    @req:kv.etag.definition
    Scenario: The etag is half a SHA-256 of content-type and bytes
      Given the request header "content-type" is "text/plain"
      When I send PUT "/data/hashed" with "world"
      Then the answer's etag is made from the content-type "text/plain" and "world"

    @req:kv.head
    Scenario: HEAD tells everything but the bytes
      Given the request header "content-type" is "text/plain"
      And I send PUT "/data/measured" with "twelve bytes"
      And I remember the answer header "etag" as "etag"
      When I send HEAD "/data/measured"
      Then the answer is 200
      And the answer header "content-length" is "12"
      And the answer header "content-type" is "text/plain"
      And the answer header "etag" is "<etag>"
      And the answer has 0 bytes

    @req:kv.head
    Scenario: HEAD of a key that does not exist is a 404 without a body
      When I send HEAD "/data/nowhere"
      Then the answer is 404
      And the answer has 0 bytes

    @req:kv.get.missing
    Scenario: A key that does not exist is a 404 with its own code
      When I send GET "/data/nowhere"
      Then the answer is 404
      And the answer is the problem "key_not_found"

    @req:kv.delete.gone
    Scenario: A deleted key is gone
      Given the key "short-lived" holds "here"
      When I send DELETE "/data/short-lived"
      Then the answer is 204
      And the key "short-lived" does not exist

    @req:kv.delete.missing
    Scenario: Deleting a key that does not exist succeeds
      When I send DELETE "/data/never-was"
      Then the answer is 204

    @req:kv.get.read-your-write
    Scenario: A read after an acknowledged write never shows an older value
      When I write the key "counter" 100 times and read it after each write
      Then each read showed the value written before it

    @req:kv.get.consistency
    Scenario Outline: A read may name its consistency, here <word>
      Given the key "k" holds "v"
      When I send GET "/data/k?consistency=<word>"
      Then the answer is <status>

      Examples:
        | word     | status |
        | primary  | 200    |
        | any      | 200    |
        | eventual | 400    |

  Rule: A write may depend on what is stored

    @req:kv.get.not-modified
    Scenario: A read with the present etag is a 304 without a body
      Given I send PUT "/data/page" with "unchanged"
      And I remember the answer header "etag" as "etag"
      When the request header "if-none-match" is "<etag>"
      And I send GET "/data/page"
      Then the answer is 304
      And the answer has 0 bytes
      And the answer header "etag" is "<etag>"

    @req:kv.get.not-modified
    Scenario: A read with an old etag gets the new value
      Given I send PUT "/data/page" with "old"
      And I remember the answer header "etag" as "etag"
      And I send PUT "/data/page" with "new"
      When the request header "if-none-match" is "<etag>"
      And I send GET "/data/page"
      Then the answer is 200
      And the answer text is "new"

    @req:kv.put.if-match
    Scenario: A PUT with the present etag writes
      Given I send PUT "/data/doc" with "one"
      And I remember the answer header "etag" as "etag"
      When the request header "if-match" is "<etag>"
      And I send PUT "/data/doc" with "two"
      Then the answer is 204
      And the key "doc" has the value "two"

    @req:kv.put.if-match
    Scenario: A PUT with an old etag writes nothing
      Given I send PUT "/data/doc" with "one"
      And I remember the answer header "etag" as "etag"
      And I send PUT "/data/doc" with "two"
      When the request header "if-match" is "<etag>"
      And I send PUT "/data/doc" with "three"
      Then the answer is 412
      And the answer is the problem "precondition_failed"
      And the key "doc" has the value "two"

    @req:kv.put.if-match
    Scenario: A PUT with an etag of a key that does not exist writes nothing
      Given the request header "if-match" is "*"
      When I send PUT "/data/doc" with "one"
      Then the answer is 412
      And the key "doc" does not exist

    @req:kv.put.if-none-match
    Scenario: A PUT that wants the key to be new writes it once
      Given the request header "if-none-match" is "*"
      And I send PUT "/data/lock" with "mine"
      And the answer is 204
      When the request header "if-none-match" is "*"
      And I send PUT "/data/lock" with "no, mine"
      Then the answer is 412
      And the key "lock" has the value "mine"

    @req:kv.put.if-none-match
    Scenario: A key that was deleted is new again
      Given the key "lock" holds "mine"
      And I delete the key "lock"
      When the request header "if-none-match" is "*"
      And I send PUT "/data/lock" with "free"
      Then the answer is 204

    @req:kv.delete.if-match
    Scenario: A DELETE with an old etag deletes nothing
      Given I send PUT "/data/doc" with "one"
      And I remember the answer header "etag" as "etag"
      And I send PUT "/data/doc" with "two"
      When the request header "if-match" is "<etag>"
      And I send DELETE "/data/doc"
      Then the answer is 412
      And the key "doc" has the value "two"

    @req:kv.delete.if-match
    Scenario: A DELETE with the present etag deletes
      Given I send PUT "/data/doc" with "one"
      And I remember the answer header "etag" as "etag"
      When the request header "if-match" is "<etag>"
      And I send DELETE "/data/doc"
      Then the answer is 204
      And the key "doc" does not exist

    @req:kv.put.condition.atomic
    Scenario: Of many that want to create a key exactly one succeeds
      When 20 clients at once create the key "leader", each with its own value
      Then exactly 1 of them succeeded and the others got 412
      And the key "leader" has the value of the one that succeeded

    @req:kv.put.condition.atomic
    Scenario: Counting with etags loses no step
      Given the key "sum" holds "0"
      When 8 clients at once add 1 to "sum" 5 times each, by if-match
      Then the key "sum" has the value "40"

    @req:http.idempotency.repeated
    Scenario: A write repeated with its idempotency-key gets the recorded outcome and does nothing
      Given the request header "idempotency-key" is "order-1"
      And I send PUT "/data/order" with "first"
      And I remember the answer header "etag" as "etag"
      And I send PUT "/data/order" with "second"
      When the request header "idempotency-key" is "order-1"
      And I send PUT "/data/order" with "first"
      Then the answer is 204
      And the answer header "etag" is "<etag>"
      And the key "order" has the value "second"

    @req:http.idempotency.mismatch
    Scenario: An idempotency-key used for another write is refused
      Given the request header "idempotency-key" is "order-2"
      And I send PUT "/data/order" with "first"
      When the request header "idempotency-key" is "order-2"
      And I send PUT "/data/order" with "something else"
      Then the answer is 422
      And the answer is the problem "idempotency_key_reused"
      And the key "order" has the value "first"

    @req:kv.put.ttl
    Scenario: A key with a time to live is gone when it is over
      When I send PUT "/data/session?ttl=400ms" with "short"
      Then the answer is 204
      And the key "session" is soon gone
      And the list of keys with the prefix "session" is empty

    @req:kv.put.ttl
    Scenario: A PUT without a time to live ends an earlier one
      Given I send PUT "/data/session?ttl=600ms" with "short"
      And I send PUT "/data/session" with "for ever"
      And I send PUT "/data/witness?ttl=700ms" with "short"
      When the key "witness" is soon gone
      Then the key "session" has the value "for ever"

    @req:kv.put.ttl.bad
    Scenario Outline: The time to live <ttl> is refused
      When I send PUT "/data/session?ttl=<ttl>" with "short"
      Then the answer is 400
      And the answer is the problem "invalid_request"
      And the key "session" does not exist

      Examples:
        | ttl  |
        | soon |
        | -5s  |
        | 0s   |
        | 30   |

  Rule: A key may be any text, and its place is arithmetic

    @req:kv.routing.fnv @req:kv.routing.headers
    Scenario Outline: The key <key> belongs to shard <shard> of four
      Given the cluster has 4 shards
      When I store "routed" under the key "<key>"
      Then the answer is 204
      And the answer header "x-shard-id" is "<shard>"
      And the answer's node is the holder of shard <shard>
      And reading and deleting the key "<key>" name the same shard and node

      Examples: as the original implementation answers
        | key                  | shard |
        | greeting             | 2     |
        | key1                 | 3     |
        | key2                 | 2     |
        | key3                 | 1     |
        | key4                 | 0     |
        | important            | 1     |
        | 数字                   | 3     |
        | path/to/resource     | 3     |
        | key-with-spaces here | 1     |
        | traceable            | 2     |

    @req:kv.key.characters @req:kv.key.decoded-once
    Scenario Outline: The path <path> means the key <key>
      When I send PUT "/data/<path>" with "value of <key>"
      Then the answer is 204
      And the key "<key>" has the value "value of <key>"
      And the only key is "<key>"

      Examples:
        | path                      | key              |
        | path/to/resource          | path/to/resource |
        | path%2Fto%2Fresource      | path/to/resource |
        | a//b                      | a//b             |
        | //                        | //               |
        | ../up                     | ../up            |
        | a/./b/../c                | a/./b/../c       |
        | a:b@c                     | a:b@c            |
        | 100%25                    | 100%             |
        | %2541                     | %41              |
        | what%3F                   | what?            |
        | no%23fragment             | no#fragment      |
        | with%20some%20spaces      | with some spaces |
        | plus+is+plus              | plus+is+plus     |
        | %E6%95%B0%E5%AD%97        | 数字               |
        | %F0%9F%90%98              | 🐘               |
        | caf%C3%A9                 | café             |
        | _bulk                     | _bulk            |

    @req:kv.key.too-long
    Scenario: The longest key has 4096 bytes
      When I store "long" under a key of 4096 bytes
      Then the answer is 204
      When I store "longer" under a key of 4097 bytes
      Then the answer is 400
      And the answer is the problem "invalid_key"

    @req:kv.key.too-long
    Scenario: The length of a key is counted in bytes, not in characters
      When I store "long" under a key of 1366 characters of three bytes
      Then the answer is 400
      And the answer is the problem "invalid_key"

    Scenario Outline: <method> of <path>, a key that cannot be: <why>
      When I send <method> "<path>" with "x"
      Then the answer is 400
      And the answer is the problem "invalid_key"

      @req:kv.put.no-key
      Examples:
        | method | path    | why         |
        | PUT    | /data/  | there is no key |
        | PUT    | /data   | there is no key |
        | PUT    | /store/ | there is no key |

      @req:kv.key.bad-encoding
      Examples:
        | method | path        | why                          |
        | PUT    | /data/%     | a percent sign alone         |
        | PUT    | /data/a%zz  | two letters that are no hex  |
        | PUT    | /data/a%4   | half of an encoding          |
        | PUT    | /data/%FF   | a byte that is no UTF-8      |

      @req:kv.key.nul
      Examples:
        | method | path              | why                       |
        | PUT    | /data/a%00b       | a NUL                     |
        | PUT    | /data/%ED%A0%80   | half of a surrogate pair  |

    @req:kv.key.bad-encoding @req:kv.key.nul
    Scenario Outline: <method> of <path> is refused as well
      When I send <method> "<path>"
      Then the answer is 400

      Examples:
        | method | path       |
        | GET    | /data/%C3  |
        | HEAD   | /data/%00  |
        | DELETE | /data/a%zz |

    @req:kv.store-alias
    Scenario Outline: /store is /data: <method> <path>
      Given the key "hello" holds "world"
      And the request header "content-type" is "<type>"
      When I send <method> "<path>" with '<body>'
      Then the answer is <status>

      Examples:
        | method | path              | type                 | body                       | status |
        | PUT    | /store/hello      | text/plain           | again                      | 204    |
        | PUT    | /store/a/b        | text/plain           | deep                       | 204    |
        | DELETE | /store/hello      | text/plain           |                            | 204    |
        | DELETE | /store?prefix=hel | text/plain           |                            | 200    |
        | POST   | /store/_bulk      | application/x-ndjson | {"op":"get","key":"hello"} | 200    |

    @req:kv.store-alias
    Scenario: What is stored under /data is read, measured and listed under /store
      Given the key "hello" holds "world"
      When I send GET "/store/hello"
      Then the answer text is "world"
      When I send HEAD "/store/hello"
      Then the answer header "content-length" is "5"
      When I send GET "/store?prefix=hel"
      Then the answer field "keys[0].key" is "hello"

    @req:kv.method
    Scenario Outline: <method> <path> is no method of a key
      When I send <method> "<path>" with "x"
      Then the answer is 405
      And the answer is the problem "method_not_allowed"
      And the answer header "allow" lists "<allowed>"

      Examples:
        | method   | path      | allowed                |
        | POST     | /data/a   | GET, HEAD, PUT, DELETE |
        | PATCH    | /data/a   | GET, HEAD, PUT, DELETE |
        | OPTIONS  | /store/a  | GET, HEAD, PUT, DELETE |
        | PROPFIND | /data/a/b | GET, HEAD, PUT, DELETE |

  Rule: Keys are listed and deleted in ranges over all shards

    @req:kv.list.all-shards @req:kv.list.order
    Scenario: A listing holds the keys of all shards, ascending by their UTF-8 bytes
      Given these keys:
        | key | value |
        | z   | 1     |
        | a   | 2     |
        | é   | 3     |
        | ～   | 4     |
        | 😀  | 5     |
        | B   | 6     |
        | a/b | 7     |
        | a!  | 8     |
      When I send GET "/data"
      Then the answer lists the keys:
        | B   |
        | a   |
        | a!  |
        | a/b |
        | z   |
        | é   |
        | ～   |
        | 😀  |

    @req:kv.list.all-shards
    Scenario: A listed key comes with etag, length and content-type
      Given the request header "content-type" is "text/plain"
      And I send PUT "/data/described" with "four"
      When I send GET "/data?prefix=described"
      Then the answer field "keys[0].bytes" is "4"
      And the answer field "keys[0].content_type" is "text/plain"
      And the answer has the field "keys[0].etag"
      And the answer field "keys[0].value" is absent
      And the answer field "cursor" is absent

    @req:kv.list.values
    Scenario: A listing holds the values when it is asked to
      Given the key "v1" holds "text"
      And I store 3 varied bytes under "v2"
      When I send GET "/data?prefix=v&values=true"
      Then the answer field "keys[0].value" is "text"
      And the answer has the field "keys[1].value_base64"

    Scenario Outline: A listing with <query> holds <keys>
      Given these keys:
        | key    | value |
        | apple  | 1     |
        | apples | 2     |
        | banana | 3     |
        | cherry | 4     |
        | 100%   | 5     |
      When I send GET "/data?<query>"
      Then the answer is 200
      And the answer lists the keys "<keys>"

      @req:kv.list.prefix
      Examples:
        | query                        | keys           |
        | prefix=apple                 | apple, apples  |
        | prefix=apples                | apples         |
        | prefix=Apple                 |                |
        | prefix=100%25                | 100%           |

      @req:kv.list.range
      Examples:
        | query                        | keys                   |
        | start=apples                 | apples, banana, cherry |
        | end=banana                   | 100%, apple, apples    |
        | start=apple&end=banana       | apple, apples          |
        | start=banana&end=apple       |                        |
        | prefix=apple&start=apples    | apples                 |
        | prefix=apple&end=apples      | apple                  |

      @req:kv.list.limit
      Examples:
        | query                        | keys           |
        | limit=2                      | 100%, apple    |
        | prefix=apple&limit=1         | apple          |

    @req:kv.list.limit
    Scenario: A page that is not the last one has a cursor
      Given 5 keys that start with "page-"
      When I send GET "/data?prefix=page-&limit=2"
      Then the answer has the field "cursor"
      When I remember the answer field "cursor" as "cursor"
      And I send GET "/data?prefix=page-&limit=10&cursor=<cursor>"
      Then the answer lists the keys "page-2, page-3, page-4"
      And the answer field "cursor" is absent

    @req:kv.list.cursor
    Scenario: Pages hold every key that was there all the time, once, while others come and go
      Given 300 keys that start with "stays-"
      When I page through "stays-" by 7 while keys between them are written and deleted
      Then the pages held all 300 keys that start with "stays-", each once, in order

    @req:kv.list.cursor.bad
    Scenario Outline: The listing <query> is refused
      When I send GET "/data?<query>"
      Then the answer is 400
      And the answer is the problem "<code>"

      Examples:
        | query              | code            |
        | cursor=made-up     | invalid_request |
        | cursor=            | invalid_request |
        | limit=0            | invalid_request |
        | limit=10001        | invalid_request |
        | limit=many         | invalid_request |
        | values=perhaps     | invalid_request |
        | prefx=a            | unknown_field   |

    Scenario Outline: DELETE with <query> deletes <deleted> keys and leaves <left>
      Given these keys:
        | key    | value |
        | apple  | 1     |
        | apples | 2     |
        | banana | 3     |
        | cherry | 4     |
      When I send DELETE "/data?<query>"
      Then the answer is 200
      And the answer field "deleted" is "<deleted>"
      When I send GET "/data"
      Then the answer lists the keys "<left>"

      @req:kv.delete-range.prefix
      Examples:
        | query        | deleted | left           |
        | prefix=apple | 2       | banana, cherry |
        | prefix=x     | 0       | apple, apples, banana, cherry |

      @req:kv.delete-range.range
      Examples:
        | query                   | deleted | left           |
        | start=apples&end=cherry | 2       | apple, cherry  |
        | start=banana            | 2       | apple, apples  |
        | end=apples              | 1       | apples, banana, cherry |

      @req:kv.delete-range.all
      Examples:
        | query    | deleted | left |
        | all=true | 4       |      |

    @req:kv.delete-range.all
    Scenario: Many keys are deleted at once
      Given 2500 keys that start with "many-"
      When I send DELETE "/data?prefix=many-"
      Then the answer field "deleted" is "2500"
      And the list of keys with the prefix "many-" is empty

    @req:kv.delete-range.bare
    Scenario Outline: DELETE <path> does not say what, and deletes nothing
      Given the key "precious" holds "data"
      When I send DELETE "<path>"
      Then the answer is 400
      And the answer is the problem "invalid_request"
      And the key "precious" has the value "data"

      Examples:
        | path                          |
        | /data                         |
        | /data?prefix=                 |
        | /data?all=false               |
        | /data?prefix=p&all=true       |
        | /data?prefix=p&start=a&end=z  |

  Rule: Many operations travel in one request

    @req:kv.bulk.put @req:kv.bulk.get @req:kv.bulk.delete @req:kv.bulk.order
    Scenario: Lines are answered one by one, in their order
      Given the key "old" holds "to be deleted"
      When I send POST "/data/_bulk" with:
        """
        {"op":"put","key":"text","value":"hello","content_type":"text/plain"}
        {"op":"put","key":"bytes","value_base64":"AAH/"}
        {"op":"delete","key":"old"}
        {"op":"get","key":"nobody"}
        """
      Then the answer is 200
      And the answer header "content-type" is "application/x-ndjson"
      And the answer lines are:
        | key    | status | code          |
        | text   | 204    |               |
        | bytes  | 204    |               |
        | old    | 204    |               |
        | nobody | 404    | key_not_found |
      And each answer line of a put has an etag
      And the key "old" does not exist
      When I send POST "/data/_bulk" with:
        """
        {"op":"get","key":"text"}
        {"op":"get","key":"bytes"}
        """
      Then the answer lines are:
        | key   | status | value | value_base64 | content_type             |
        | text  | 200    | hello |              | text/plain               |
        | bytes | 200    |       | AAH/         | application/octet-stream |

    @req:kv.bulk.bad-line @req:trouble.bulk-middle
    Scenario Outline: In the middle of a bulk, <what> fails alone
      When I send a bulk with the lines:
        | {"op":"put","key":"before","value":"1"} |
        | <line>                                  |
        | {"op":"put","key":"after","value":"2"}  |
      Then the answer is 200
      And line 1 of the answer has the status 204
      And line 2 of the answer has the status <status> and the code "<code>"
      And line 3 of the answer has the status 204
      And the key "before" has the value "1"
      And the key "after" has the value "2"

      Examples:
        | what                       | line                                              | status | code            |
        | a line that is no JSON     | {"op":"put","key":                                | 400    | invalid_json    |
        | a line of nonsense         | hello                                             | 400    | invalid_json    |
        | an unknown operation       | {"op":"patch","key":"k"}                          | 400    | invalid_request |
        | a put without a value      | {"op":"put","key":"k"}                            | 400    | invalid_request |
        | a put with two values      | {"op":"put","key":"k","value":"","value_base64":""} | 400  | invalid_request |
        | bad base64                 | {"op":"put","key":"k","value_base64":"?"}         | 400    | invalid_request |
        | a line without a key       | {"op":"get"}                                      | 400    | invalid_request |
        | an empty key               | {"op":"get","key":""}                             | 400    | invalid_key     |
        | an unknown field           | {"op":"get","key":"k","valeu":"1"}                | 400    | unknown_field   |

    @req:kv.bulk.bad-line
    Scenario: A value over the limit fails its line alone
      Given 1 keys that start with "neighbour-"
      When I send a bulk with a value of 16777217 bytes between two small ones
      Then line 1 of the answer has the status 204
      And line 2 of the answer has the status 413 and the code "value_too_large"
      And line 3 of the answer has the status 204

    @req:kv.bulk.streamed
    Scenario: A bulk is answered while it is still being sent
      When I begin a bulk and send its first 3 lines
      Then 3 lines are answered before the next one is sent
      And the rest of the bulk is answered when it is sent

    @req:kv.bulk.streamed
    Scenario: A bulk may have any number of lines
      When I send a bulk of 5000 puts in one request
      Then every line of the answer has the status 204
      And all 5000 keys that start with "bulk-" are there

    @req:kv.bulk.put
    Scenario: A large value travels in a bulk both ways
      When I send a bulk that puts 200000 varied bytes under "large" and gets them back
      Then the answered value has the same bytes

    @req:http.idempotency.repeated
    Scenario: A bulk repeated with its idempotency-key does nothing
      Given the request header "idempotency-key" is "bulk-1"
      And I send a bulk with the lines:
        | {"op":"put","key":"b1","value":"first"} |
        | {"op":"put","key":"b2","value":"first"} |
      And the key "b2" holds "second"
      When the request header "idempotency-key" is "bulk-1"
      And I send a bulk with the lines:
        | {"op":"put","key":"b1","value":"first"} |
        | {"op":"put","key":"b2","value":"first"} |
      Then line 2 of the answer has the status 204
      And the key "b2" has the value "second"

  Rule: Bodies are limited by what they unpack to

    @req:kv.put.too-large
    Scenario: A value over the limit is refused
      When I send PUT "/data/huge" with 16777217 bytes
      Then the answer is 413
      And the answer is the problem "value_too_large"
      And the key "huge" does not exist

    @req:trouble.chunked-too-large
    Scenario: A value over the limit is refused also when its length is not announced
      When I stream 17000000 bytes to "/data/huge" without announcing their number
      Then the answer is 413
      And the key "huge" does not exist

    @req:trouble.gzip-bomb @req:http.gzip.limit
    Scenario: A small body that unpacks to more than the limit is refused
      When I send PUT "/data/bomb" with 64000000 zeros packed by gzip
      Then the answer is 413
      And the answer is the problem "value_too_large"
      And the key "bomb" does not exist

    @req:http.gzip.request @req:http.gzip.stored-unpacked
    Scenario: A value sent packed is stored unpacked
      When I send PUT "/data/packed" with "plain again" packed by gzip
      Then the answer is 204
      And the key "packed" has the value "plain again"

    @req:http.gzip.request
    Scenario Outline: A body that is <what> is refused
      Given the request header "content-encoding" is "<encoding>"
      When I send PUT "/data/packed" with "this is not packed at all"
      Then the answer is <status>
      And the answer is the problem "<code>"

      Examples:
        | what                    | encoding | status | code                 |
        | no gzip                 | gzip     | 400    | invalid_encoding     |
        | packed in another way   | br       | 415    | unsupported_encoding |

    @req:http.gzip.answer
    Scenario: A long answer is packed when the client asks for it
      Given the request header "content-type" is "text/plain"
      And I send PUT "/data/long" with 10000 bytes
      When the request header "accept-encoding" is "gzip"
      And I send GET "/data/long"
      Then the answer header "content-encoding" is "gzip"
      And the answer unpacks to 10000 bytes

    @req:http.gzip.answer
    Scenario: Without being asked nothing is packed
      Given I send PUT "/data/long" with 10000 bytes
      When I send GET "/data/long"
      Then the answer has no header "content-encoding"
      And the answer has 10000 bytes

    @req:http.gzip.compressed-value
    Scenario: A stored value that is packed already is left alone
      Given the request header "content-type" is "image/jpeg"
      And I send PUT "/data/photo" with 10000 bytes
      When the request header "accept-encoding" is "gzip"
      And I send GET "/data/photo"
      Then the answer has no header "content-encoding"
      And the answer has 10000 bytes

    @req:trouble.disconnect
    Scenario Outline: A client that hangs up in the middle of <bytes> bytes leaves the old value whole
      Given the key "report" holds "the old value"
      When a client hangs up after half of a PUT of <bytes> bytes to "/data/report"
      Then the key "report" has the value "the old value"

      Examples:
        | bytes   |
        | 20000   |
        | 2000000 |

    @procs @req:kv.value.limit-configured
    Scenario: The limit of values is a setting
      Given the cluster setting MAX_VALUE_BYTES is "1KiB"
      And a cluster of 1 node and 1 shard
      When I send PUT "/data/fits" with 1024 bytes
      Then the answer is 204
      When I send PUT "/data/does-not" with 1025 bytes
      Then the answer is 413

  Rule: A cluster that is read-only keeps what it has

    @settings @req:kv.put.read-only @req:cluster.config.read-only
    Scenario Outline: <method> <path> on a read-only cluster is refused
      Given the key "kept" holds "as it was"
      And I change the setting "read_only" to true
      And the request header "content-type" is "<type>"
      When I send <method> "<path>" with '<body>'
      Then the answer is <status>
      And the answer says "read_only"
      And the key "kept" has the value "as it was"

      Examples:
        | method | path          | type                 | body                                | status |
        | PUT    | /data/kept    | text/plain           | other                               | 403    |
        | DELETE | /data/kept    | text/plain           |                                     | 403    |
        | DELETE | /data?all=true | text/plain          |                                     | 403    |
        | POST   | /data/_bulk   | application/x-ndjson | {"op":"put","key":"kept","value":""} | 200   |

    @settings @req:cluster.config.read-only
    Scenario: A write sent to a node of a read-only cluster is refused too
      Given the key "kept" holds "as it was"
      And I change the setting "read_only" to true
      When I send PUT of "kept" with "other" to the node that holds it
      Then the answer is 403
      And the answer is the problem "read_only"

    @settings @req:cluster.config.read-only
    Scenario: Writes go on when it is switched off
      Given I change the setting "read_only" to true
      When I change the setting "read_only" to false
      And I send PUT "/data/k" with "v"
      Then the answer is 204

  Rule: What was acknowledged is there, whatever dies

    @procs @req:kv.put.durable @req:bench.stale @req:coord.state.kill
    Scenario: Every process is killed at once, and everything acknowledged is there again
      Given a cluster of 2 nodes and 4 shards
      And 500 keys that start with "many-"
      And I store 3000000 varied bytes under "large"
      And the key "gone" holds "to be deleted"
      And I delete the key "gone"
      When I kill every process
      And I start every process again
      Then the cluster becomes green
      And all 500 keys that start with "many-" are there
      And the key "large" returns the same bytes
      And the key "gone" does not exist

    @procs @req:failure.node-killed @req:kv.get.unreachable @req:kv.put.no-answer
    Scenario: While the node of a key is away its requests are 502 or 503, never 404
      Given a cluster of 2 nodes and 4 shards
      And the key "k" holds "v"
      When I kill the node that holds the key "k"
      Then none of these has another answer than 502 or 503:
        | method | path                     |
        | GET    | /data/k                  |
        | HEAD   | /data/k                  |
        | GET    | /data/k?consistency=any  |
        | PUT    | /data/k                  |
        | DELETE | /data/k                  |

    @procs @req:failure.node-killed @req:node.known-returns
    Scenario: A node that was killed comes back with its data
      Given a cluster of 2 nodes and 4 shards
      And 200 keys that start with "kept-"
      When I kill "node-1"
      And I start "node-1" again
      Then the cluster becomes green
      And all 200 keys that start with "kept-" are there

    @procs @req:coord.health.keeps-place @req:coord.health.never-recreated
    Scenario: A shard keeps its place while its node is away, and is not created anew elsewhere
      Given a cluster of 2 nodes and 4 shards with health checks every "250ms" and dead after "1s"
      And the key "k" holds "v"
      When I kill the node that holds the key "k"
      And the node that was killed becomes "dead"
      Then the shard of the key "k" is still placed on the node that was killed
      And the request header "x-torua-deadline-ms" is "500"
      When I send GET "/data/k"
      Then the answer is 502 or 503
      When I start the node that was killed again
      Then the key "k" has the value "v"

    @procs @req:failure.node-killed @req:kv.retry
    Scenario Outline: Writers go on through the death of <process>, and lose nothing
      Given a cluster of 2 nodes and 4 shards
      And 4 clients write keys without pause
      When I kill "<process>"
      And I start "<process>" again
      And 100 further writes are acknowledged
      And the clients stop writing
      Then every write that was acknowledged is there

      Examples:
        | process     |
        | node-1      |
        | coordinator |

    @procs @req:http.missing-shards.refused @req:http.missing-shards.partial @req:http.missing-shards.bulk
    Scenario: What needs a shard without a live node says which one, and the rest goes on
      Given a cluster of 2 nodes and 4 shards with health checks every "250ms"
      And 100 keys that start with "spread-"
      When I kill "node-1"
      And the node "node-1" becomes "unhealthy"
      And the request header "x-torua-deadline-ms" is "1000"
      And I send GET "/data?prefix=spread-"
      Then the answer is 503
      And the answer is the problem "shards_unavailable"
      And the answer names the shards of "node-1" as missing
      When the request header "x-torua-deadline-ms" is "1000"
      And I send DELETE "/data?prefix=spread-"
      Then the answer is 503
      And the answer names the shards of "node-1" as missing
      When the request header "x-torua-deadline-ms" is "1000"
      And I send GET "/data?prefix=never-&partial=true"
      Then the answer is 200
      And the answer field "partial" is "true"
      And the answer names the shards of "node-1" as missing
      When the request header "x-torua-deadline-ms" is "1000"
      And I send a bulk that puts 40 keys
      Then the lines for shards of "node-1" failed with 502 or 503 and the others succeeded

    @procs @req:http.missing-shards.partial
    Scenario: A partial listing holds exactly the keys of the live shards
      Given a cluster of 2 nodes and 4 shards
      And 60 keys that start with "spread-"
      When I kill "node-2"
      And the request header "x-torua-deadline-ms" is "1000"
      And I send GET "/data?prefix=spread-&partial=true"
      Then the answer lists the keys of "spread-" that lie on "node-1"

    @procs @req:http.idempotency.unknown-outcome @req:trouble.hanging-node @req:http.deadline.exceeded
    Scenario: A write to a node that hangs has an unknown outcome, and may be repeated
      Given a cluster of 2 nodes and 4 shards
      And the key "k" holds "before"
      When I suspend the node that holds the key "k"
      And the request header "idempotency-key" is "once"
      And the request header "x-torua-deadline-ms" is "700"
      And I send PUT "/data/k" with "after"
      Then the answer is 502 or 504
      And the answer field "outcome" is "unknown"
      And the answer field "idempotency_key" is "once"
      When I resume the node that holds the key "k"
      And the request header "idempotency-key" is "once"
      And I send PUT "/data/k" with "after"
      Then the answer is 204
      And the key "k" has the value "after"

    @procs @req:trouble.hanging-node
    Scenario: A node that hangs delays nobody who has no business with it
      Given a cluster of 2 nodes and 4 shards
      And the key "k" holds "v"
      When I suspend the node that holds the key "k"
      Then 50 writes to the other node are acknowledged within 2 seconds
      And I resume the node that holds the key "k"

    @procs @req:shard.op-id.caller
    Scenario: An idempotency-key is remembered through the death of every process
      Given a cluster of 1 node and 1 shard
      And the request header "idempotency-key" is "order-1"
      And I send PUT "/data/order" with "first"
      And I send PUT "/data/order" with "second"
      When I kill every process
      And I start every process again
      And the cluster becomes green
      And the request header "idempotency-key" is "order-1"
      And I send PUT "/data/order" with "first"
      Then the answer is 204
      And the key "order" has the value "second"

    @procs @req:kv.put.ttl
    Scenario: A time to live goes on while everything is down
      Given a cluster of 1 node and 1 shard
      And I send PUT "/data/session?ttl=1s" with "short"
      And the key "lasting" holds "long"
      When I kill every process
      And I start every process again
      And the cluster becomes green
      Then the key "lasting" has the value "long"
      And the key "session" is soon gone

    @procs @req:kv.one-node
    Scenario: One node alone holds every shard and runs the same way
      Given a cluster of 1 node and 4 shards
      And 100 keys that start with "alone-"
      Then all 100 keys that start with "alone-" are there
      And the primaries are spread "4"
      And the cluster becomes green

  Rule: Damaged bytes are found and never served

    @procs @req:log.torn-tail @req:failure.flipped-bytes
    Scenario: A torn end of the log is cut, and everything acknowledged is there
      Given a cluster of 1 node and 1 shard
      And 60 keys that start with "kept-"
      When I kill "node-1"
      And the log of "node-1" ends in half a batch
      And I start "node-1" again
      Then the cluster becomes green
      And all 60 keys that start with "kept-" are there
      And the key "after" holds "writes go on"

    @procs @req:failure.flipped-bytes @req:log.damage.in-doubt @req:cluster.explain
    Scenario: A shard whose log was damaged is not served until somebody accepts the loss
      Given a cluster of 1 node and 1 shard
      And I write 30 keys that start with "a-" one after the other
      When I kill "node-1"
      And a byte in the middle of the log of "node-1" is flipped
      And I start "node-1" again
      Then a read is soon refused with "shard_in_doubt"
      And the cluster becomes red
      When I send GET "/cluster/allocation/explain?shard_id=0"
      Then the answer says "accept_data_loss"
      When I send POST "/shards/assign" with '{"shard_id":0,"is_primary":true,"accept_data_loss":true}'
      Then the answer is 200
      And the cluster becomes green
      And each of the 30 keys that start with "a-" has its value or is gone

    @procs @req:failure.flipped-bytes
    Scenario: A large value whose file was damaged is never served as if it were whole
      Given a cluster of 1 node and 1 shard
      And I store 300000 varied bytes under "large"
      When I kill "node-1"
      And a byte in the file of the value is flipped
      And I start "node-1" again
      And the cluster becomes green
      Then the key "large" is not answered with 200 and all its bytes
