# The rule, for `jq -r`: the ids of the events that it finds in deliveries.
.Records[]
| select(.eventName == "AttachUserPolicy" and (.errorCode // "") == "" and (.errorMessage // "") == "")
| select(.requestParameters | tostring | contains("AWSCompromisedKeyQuarantine"))
| .eventID
