//! A template with its nested stacks, as the one document that they are together.
//!
//! A nested stack that has functions is an area of the product: its resources join those of the
//! template that nests it, its parameters give way to what they are given, and its outputs to what
//! they stand for. Nested stacks without functions hold alarms and what people look at; they stay
//! references.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path,
};

use serde_json::{Map, Value, json};

use super::{TemplateError, read::merged, yaml};

const STACK: &str = "AWS::CloudFormation::Stack";
const FUNCTION: &str = "AWS::Serverless::Function";

/// Names, and what stands for each: parameters, or outputs as `Stack.Outputs.Name`.
type Meanings = BTreeMap<String, Value>;

/// The template in this file with all its areas, every intrinsic function in its long form.
/// Addresses of nested templates are as from the file's folder, and what `Globals` say is said in
/// each function.
pub fn whole(file: &Path) -> Result<Value, TemplateError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let read = |path: &str| {
        let path = folder.join(path);
        std::fs::read_to_string(&path).map_err(|error| {
            TemplateError::invalid(path.display().to_string(), format!("is not readable: {error}"))
        })
    };
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    joined(&read(name)?, &read)
}

/// The same of a text, whose nested templates are read by their addresses.
pub fn joined(
    text: &str,
    read: &dyn Fn(&str) -> Result<String, TemplateError>,
) -> Result<Value, TemplateError> {
    let mut root = yaml::parse(text)?;
    say_globals(&mut root);
    let mut outputs = Meanings::new();
    // each function has a stack of alarms, all of one template
    let mut areas: BTreeMap<String, Value> = BTreeMap::new();
    for (id, stack) in root["Resources"].as_object().cloned().unwrap_or_default() {
        let url = stack["Properties"]["TemplateURL"].as_str().filter(|_| stack["Type"] == STACK);
        let Some(url) = url else { continue };
        let area = match areas.entry(url.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(yaml::parse(&read(url)?)?),
        };
        if !area["Transform"].is_null() {
            join(&mut root, &mut outputs, &id, &stack, area.clone())?;
        }
    }
    // An area may be given what another one puts out.
    loop {
        let next = replaced(root.clone(), &outputs);
        if next == root {
            return Ok(root);
        }
        root = next;
    }
}

/// Puts one area into the template that nests it.
fn join(
    root: &mut Value,
    outputs: &mut Meanings,
    id: &str,
    stack: &Value,
    mut area: Value,
) -> Result<(), TemplateError> {
    if !stack["Condition"].is_null() {
        return Err(TemplateError::invalid(id, "a nested stack with functions cannot have a Condition here"));
    }
    say_globals(&mut area);
    let url = stack["Properties"]["TemplateURL"].as_str().unwrap_or_default();
    let area = replaced(area.clone(), &given(id, &stack["Properties"]["Parameters"], &area)?);
    members(root, "Resources").remove(id);
    for (section, what) in [("Resources", "resource"), ("Conditions", "condition")] {
        for (name, mut value) in area[section].as_object().cloned().unwrap_or_default() {
            for place in ["TemplateURL", "CodeUri"] {
                if let Some(path) = value["Properties"][place].as_str() {
                    value["Properties"][place] = from_root(url, path).into();
                }
            }
            let there = members(root, section).insert(name.clone(), value.clone());
            // A condition may be said in both, if it is the same.
            if there.is_some_and(|there| section == "Resources" || there != value) {
                let problem = format!("its {what} {name} has the name of another one; rename it");
                return Err(TemplateError::invalid(url, problem));
            }
        }
    }
    for (name, output) in area["Outputs"].as_object().into_iter().flatten() {
        outputs.insert(format!("{id}.Outputs.{name}"), output["Value"].clone());
    }
    Ok(())
}

/// A path in a nested template, as from the folder of the template that nests it.
fn from_root(url: &str, path: &str) -> String {
    let mut parts: Vec<&str> = url.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        if part == ".." { parts.pop().map(|_| ()).unwrap_or_default() } else { parts.push(part) }
    }
    parts.join("/")
}

/// What each parameter of an area is given.
fn given(id: &str, parameters: &Value, area: &Value) -> Result<Meanings, TemplateError> {
    let declared = area["Parameters"].as_object().cloned().unwrap_or_default();
    let unknown =
        parameters.as_object().into_iter().flatten().find(|(name, _)| !declared.contains_key(*name));
    if let Some((name, _)) = unknown {
        let problem = "is a parameter that the nested template does not declare";
        return Err(TemplateError::invalid(format!("{id}.Parameters.{name}"), problem));
    }
    let value = |(name, declaration): (String, Value)| {
        let value = [&parameters[&name], &declaration["Default"]].into_iter().find(|value| !value.is_null());
        let missing = || TemplateError::invalid(format!("{id}.Parameters.{name}"), "is not given");
        Ok((name.clone(), value.cloned().ok_or_else(missing)?))
    };
    declared.into_iter().map(value).collect()
}

/// SAM's `Globals`, said in each function.
fn say_globals(template: &mut Value) {
    let globals = template["Globals"]["Function"].clone();
    if let Some(template) = template.as_object_mut() {
        template.remove("Globals");
    }
    for (_, resource) in members(template, "Resources").iter_mut() {
        if resource["Type"] == FUNCTION {
            let own = resource["Properties"].take();
            resource["Properties"] = merged(Some(globals.clone()), Some(own)).unwrap_or_default();
        }
    }
}

fn members<'a>(template: &'a mut Value, section: &str) -> &'a mut Map<String, Value> {
    if !template[section].is_object() {
        template[section] = json!({});
    }
    template[section].as_object_mut().expect("it was made an object")
}

/// A value in which names give way to their meanings, once: a meaning is in the words of another
/// template.
fn replaced(value: Value, meanings: &Meanings) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| replaced(item, meanings)).collect(),
        Value::Object(entries) => {
            let value = Value::Object(entries);
            let name = value["Ref"].as_str().map(str::to_owned).or_else(|| attribute(&value["Fn::GetAtt"]));
            if let Some(meaning) = name.and_then(|name| meanings.get(&name)) {
                return meaning.clone();
            }
            if !value["Fn::Sub"].is_null() {
                return substituted(&value["Fn::Sub"], meanings);
            }
            let Value::Object(entries) = value else { return value };
            Value::Object(entries.into_iter().map(|(name, item)| (name, replaced(item, meanings))).collect())
        }
        plain => plain,
    }
}

fn attribute(path: &Value) -> Option<String> {
    Some(format!("{}.{}", path[0].as_str()?, path[1].as_str()?))
}

/// An `Fn::Sub` in which `${Name}` gives way: to another reference, or to a variable of the
/// `Fn::Sub`.
fn substituted(argument: &Value, meanings: &Meanings) -> Value {
    let text = argument.as_str().or_else(|| argument[0].as_str()).unwrap_or_default();
    let mut variables = argument[1].as_object().cloned().unwrap_or_default();
    for value in variables.values_mut() {
        *value = replaced(value.take(), meanings);
    }
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, (name, after))) =
        rest.split_once("${").and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        result.push_str(before);
        match meanings.get(name).filter(|_| !variables.contains_key(name)) {
            None => result.extend(["${", name, "}"]),
            Some(meaning) => {
                if let Some(text) = as_text(meaning) {
                    result.push_str(&text);
                } else {
                    let variable = name.replace('.', "");
                    result.extend(["${", &variable, "}"]);
                    variables.insert(variable, meaning.clone());
                }
            }
        }
        rest = after;
    }
    result.push_str(rest);
    if variables.is_empty() {
        json!({ "Fn::Sub": result })
    } else {
        json!({ "Fn::Sub": [result, variables] })
    }
}

/// How a value is written inside of an `Fn::Sub`, if it can be.
fn as_text(value: &Value) -> Option<String> {
    let reference = value["Ref"].as_str().map(str::to_owned).or_else(|| attribute(&value["Fn::GetAtt"]));
    reference
        .map(|name| format!("${{{name}}}"))
        .or_else(|| value["Fn::Sub"].as_str().map(str::to_owned))
        .or_else(|| value.as_str().map(str::to_owned))
        .or_else(|| value.as_number().map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "
Globals: {Function: {Timeout: 10, Environment: {Variables: {STAGE: !Ref Environment}}}}
Conditions: {IsProd: !Equals [!Ref Environment, prod]}
Resources:
  Table: {Type: AWS::DynamoDB::GlobalTable}
  ApiFunction: {Type: AWS::Serverless::Function, Properties: {CodeUri: target/lambda/api/}}
  Alarms: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: stacks/alarms.yaml}}
  Mail:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: stacks/mail.yaml
      Parameters: {Product: !Ref AWS::StackName, TableArn: !GetAtt Table.Arn, Stage: !Ref Environment, Names: !Join [',', [a, b]]}
  Told: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub 'x-${Mail.Outputs.QueueArn}', Other: !GetAtt Mail.Outputs.QueueArn}}
";
    const MAIL: &str = "
Transform: AWS::Serverless-2016-10-31
Parameters:
  Product: {Type: String}
  TableArn: {Type: String}
  Stage: {Type: String}
  Names: {Type: String}
  Size: {Type: Number, Default: 3}
Globals: {Function: {Timeout: 60}}
Conditions: {IsProd: !Equals [!Ref Stage, prod]}
Resources:
  MailQueue: {Type: AWS::SQS::Queue, Properties: {Delay: !Ref Size}}
  MailFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ../target/lambda/mail/, FunctionName: !Sub '${Product}-mail', Policies: [!Ref TableArn, !Sub '${TableArn}/index', !Sub '${Names}!'], MemorySize: 256}
  MailAlarms: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: alarms.yaml}}
Outputs: {QueueArn: {Value: !GetAtt MailQueue.Arn}}
";

    fn join_with(root: &str, mail: &str) -> Result<Value, TemplateError> {
        joined(root, &|path| {
            Ok(match path {
                "stacks/mail.yaml" => mail.to_owned(),
                "stacks/alarms.yaml" => "Resources: {}".to_owned(),
                other => panic!("{other} is asked for"),
            })
        })
    }

    #[test]
    fn an_area_joins_the_template_that_nests_it() {
        let whole = join_with(ROOT, MAIL).unwrap();
        let resources = &whole["Resources"];
        let table = json!({ "Fn::GetAtt": ["Table", "Arn"] });
        let mail = &resources["MailFunction"]["Properties"];
        assert_eq!(mail["CodeUri"], "target/lambda/mail/");
        assert_eq!(mail["FunctionName"], json!({ "Fn::Sub": "${AWS::StackName}-mail" }));
        let names = json!({ "Names": { "Fn::Join": [",", ["a", "b"]] } });
        let policies =
            json!([table, { "Fn::Sub": "${Table.Arn}/index" }, { "Fn::Sub": ["${Names}!", names] }]);
        assert_eq!(mail["Policies"], policies);
        assert_eq!((&mail["Timeout"], &mail["MemorySize"]), (&json!(60), &json!(256)));
        assert!(mail["Environment"].is_null(), "the Globals of one template are not those of another");
        let api = &resources["ApiFunction"]["Properties"];
        assert_eq!(
            (&api["Timeout"], &api["Environment"]["Variables"]["STAGE"]),
            (&json!(10), &json!({ "Ref": "Environment" }))
        );
        assert_eq!(resources["MailQueue"]["Properties"]["Delay"], 3);
        assert_eq!(resources["MailAlarms"]["Properties"]["TemplateURL"], "stacks/alarms.yaml");
        assert_eq!(resources["Alarms"]["Type"], STACK);
        assert!(resources["Mail"].is_null() && whole["Globals"].is_null());
        let told = &resources["Told"]["Properties"];
        assert_eq!(told["TopicName"], json!({ "Fn::Sub": "x-${MailQueue.Arn}" }));
        assert_eq!(told["Other"], json!({ "Fn::GetAtt": ["MailQueue", "Arn"] }));
    }

    #[test]
    fn what_cannot_be_joined_is_named() {
        let told = |root: &str, mail: &str| join_with(root, mail).unwrap_err().to_string();
        let twice = told(ROOT, &MAIL.replace("MailQueue: {Type", "Table: {Type"));
        assert!(twice.contains("its resource Table has the name of another one"), "{twice}");
        let other = told(ROOT, &MAIL.replace("!Equals [!Ref Stage, prod]", "!Equals [!Ref Stage, dev]"));
        assert!(other.contains("its condition IsProd"), "{other}");
        let missing = told(&ROOT.replace("Stage: !Ref Environment, N", "N"), MAIL);
        assert!(missing.contains("Mail.Parameters.Stage: is not given"), "{missing}");
        let unknown = told(&ROOT.replace("Stage: !Ref Environment, N", "Stage: a, Colour: red, N"), MAIL);
        assert!(unknown.contains("Mail.Parameters.Colour: is a parameter"), "{unknown}");
        let conditional =
            told(&ROOT.replace("    Properties:\n", "    Condition: IsProd\n    Properties:\n"), MAIL);
        assert!(conditional.contains("cannot have a Condition"), "{conditional}");
    }
}
